"""The built-in sample: invented petitions and wiki pages, composed from one lexicon of invented people, organisations, places and works."""
