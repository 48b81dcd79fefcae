package transfer_test

import "testing"

// Whatever the file is, an import ends with an error and nothing loaded, or with sound
// stores whose export gives the same stores again.
func FuzzImport(f *testing.F) {
	f.Add(boardJSON(f))
	f.Add(smaller)
	f.Add(`{"posts": [{"thread": 1, "text": "a", "user": 1, "id": 2}, {"thread": 1, "text": "b", "user": 1, "id": 1}]}`)
	f.Add(post(`{"thread": 1, "text": "\ud83d\ude00", "user": 1}`))
	f.Add(user(`{"id": 2, "username": "ADA", "name": "x"}`))
	f.Fuzz(func(t *testing.T, text string) {
		b := newBoard(t)
		if _, err := b.load(t, text); err != nil {
			if got := b.files(t); len(got) > 0 {
				t.Fatalf("after %v the folder has %v", err, got)
			}
			return
		}
		b.check(t)
		exported := b.text(t)
		again := newBoard(t)
		again.mustLoad(t, exported)
		if got := again.text(t); got != exported {
			t.Errorf("the export of\n%s\nis\n%s", exported, got)
		}
	})
}
