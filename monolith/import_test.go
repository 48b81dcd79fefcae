package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/splitboard/splitboard/internal/serve"
	"github.com/splitboard/splitboard/internal/store"
	"github.com/splitboard/splitboard/internal/transfer"
	"github.com/splitboard/splitboard/services/posts"
	"github.com/splitboard/splitboard/services/threads"
	"github.com/splitboard/splitboard/services/users"
)

// importWhole imports a whole board into the three services' stores and gives what they
// export.
func importWhole(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	var targets []transfer.Target
	var sources []transfer.Source
	for _, s := range []serve.Service{users.Service(), threads.Service(), posts.Service()} {
		path := filepath.Join(dir, s.Name+".db")
		targets = append(targets, transfer.Target{Table: s.Table, Schema: s.Schema, Path: path})
		sources = append(sources, transfer.File(s.Table, path, s.Schema))
	}
	results, err := transfer.Import(t.Context(), "board.json", strings.NewReader(text), targets, transfer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		if r.Outcome != transfer.Loaded || r.Records == 0 || r.Unchecked != nil {
			t.Errorf("%+v", r)
		}
		problems, err := store.Check(targets[i].Path, targets[i].Schema)
		if err != nil || problems != nil {
			t.Errorf("%s: %v, %v", r.Section, problems, err)
		}
	}
	var out strings.Builder
	if _, err := transfer.Export(t.Context(), &out, sources); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestImportWholeBoard(t *testing.T) {
	text, err := os.ReadFile("../internal/boardtest/testdata/board.json")
	if err != nil {
		t.Fatal(err)
	}
	if got := importWhole(t, string(text)); got != string(text) {
		t.Errorf("the export differs from the import:\n%s", got)
	}
}

// The services' samples are parts of one board: what one refers to is in another.
func TestSamplesMakeABoard(t *testing.T) {
	board := make(map[string]json.RawMessage)
	for _, sample := range [][]byte{users.Service().Sample, threads.Service().Sample, posts.Service().Sample} {
		if err := json.Unmarshal(sample, &board); err != nil {
			t.Fatal(err)
		}
	}
	whole, err := json.Marshal(board)
	if err != nil {
		t.Fatal(err)
	}
	importWhole(t, string(whole))
}
