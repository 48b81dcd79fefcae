// Package transfer reads and writes the board as one JSON file, in the shape of the
// tutorial's db.json:
//
//	{
//	  "users":   [{"id": 1, "username": "ada", "name": "Ada", "bio": "…"}],
//	  "threads": [{"id": 1, "title": "…", "createdBy": 1}],
//	  "posts":   [{"thread": 1, "text": "…", "user": 1}]
//	}
//
// or with some of these sections only. A post's id is its place in the file, counted from
// 1, unless it has an "id": [Export] writes one where the two differ.
//
// Files are streamed both ways: memory holds a record and the ids that others refer to,
// never a section. [Import] reads a file twice, first to check it and to learn what is in
// it, then to fill stores that are built aside and put in place whole.
package transfer
