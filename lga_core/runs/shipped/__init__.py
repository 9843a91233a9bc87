"""Results that come with the code: the recorded example and the study's units."""
