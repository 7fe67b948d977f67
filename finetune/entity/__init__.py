"""Named entities: which characters of a sentence name a person, a place, an organisation, a date …, after KLUE-NER."""
