"""The conversation: what was said, what it means, what is said next.

`step(conversation, event, world)` advances one turn and returns the next conversation with the actions to
perform. It is a table of (phase, event) and has no clock, no disk and no chance.
"""
