"""What an edit did beside the fact: drift on neutral prompts, the size of the change, fluency."""
