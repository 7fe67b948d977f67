"""Relation extraction: what one entity of a sentence is to the other, after KLUE-RE."""
