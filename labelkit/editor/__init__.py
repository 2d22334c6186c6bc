"""The annotation editor: what runs in the browser (``static/``), and what speaks with it."""
