"""The hand-written BERT: configuration, packed batches, attention, the network, and its files on disk. Knows torch only."""
