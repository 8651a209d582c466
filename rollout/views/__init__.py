"""What people are shown of rollouts: frozen records and sentences, from a journal read outside or in process."""
