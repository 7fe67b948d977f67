"""Fine-tuning of a pretrained BERT: one run, or a grid of them."""
