"""What a path that cannot be seen tells: nothing is there, or a directory hides it."""

NEAREST = """
nearest() {
  near=$1
  while near=${near%/*}; [ -n "$near" ] && [ ! -d "$near" ]; do :; done
  near=${near:-/}
  [ -x "$near" ]
}
"""
"""The shell function ``nearest PATH``: sets ``near`` to the nearest directory above a path that can be
seen, and ends well where it may be searched. Where it may not, it hides whatever may be in it."""
