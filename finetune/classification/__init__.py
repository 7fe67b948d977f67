"""Classification of texts and pairs of texts, and numbers for them."""
