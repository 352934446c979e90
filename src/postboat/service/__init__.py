"""Who runs when: accounts side by side (`supervisor.py`), each of them one coroutine (`account.py`).

`assemble.py` introduces the departments to one another: it makes the two sides of an account out of its configuration
(`shores/`). `tree.py` pairs their folders, and `changed_folders.py` hands those to `sync` of which anything is new.
"""
