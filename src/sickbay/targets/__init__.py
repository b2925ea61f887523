"""The kinds of target: one room each, with how to reach it, its facts and how they are parsed."""
