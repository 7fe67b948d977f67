"""Pretraining: sentence pairs, masking, batches by real tokens, the LightningModule and the pipeline of a run."""
