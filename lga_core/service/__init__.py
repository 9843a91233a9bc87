"""The engine process and its client: long work runs in a process of its own, pages ask for it and read the store.

`requests` says what can be asked, `process/` has the engine and its client, `work/` is what the engine does, `reading/`
is what pages read of the store. Of these only `work/` and `process/engine` know torch.
"""
