"""The tasks of hello.yaml: plain functions, arguments by name, results as JSON."""


def words(name: str) -> list[str]:
    return ["hello", *name.split()]


def shout(word: str) -> str:
    print(f"shouting {word}")
    return word.upper()


def report(loud: list[str]) -> dict:
    text = " ".join(loud) + "!"
    print(text)
    return {"text": text, "words": len(loud)}
