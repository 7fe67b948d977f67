"""Text: line readers, corpora, cleaning, sentences, the tokenizer, relations, named entities and the built-in sample. Knows no model."""
