"""What `make_questions.py` asks about: `world` knows the facts, `kinds` turns them into questions."""
