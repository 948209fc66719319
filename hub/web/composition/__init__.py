"""How the hub is put together, in the order of `app.py`: what is made here is passed on as arguments."""
