"""Text: line readers, corpora, cleaning, sentences, the tokenizer and the built-in sample. Knows no model."""
