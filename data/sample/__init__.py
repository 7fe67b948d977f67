"""The built-in sample: invented petitions, wiki pages and relations, composed from one lexicon of invented people, organisations, places and works."""
