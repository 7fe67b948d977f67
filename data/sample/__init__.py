"""The built-in sample: invented petitions, wiki pages, relations and sentences with named entities, composed from one lexicon of invented people, organisations, places and works."""
