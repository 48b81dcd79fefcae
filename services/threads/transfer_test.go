package threads_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/splitboard/splitboard/internal/transfer/transfertest"
	"github.com/splitboard/splitboard/services/threads"

	threadsv1 "github.com/splitboard/splitboard/gen/splitboard/threads/v1"
)

const threeThreads = `{
  "threads": [
    {
      "id": 1,
      "title": "One",
      "createdBy": 7
    },
    {
      "id": 4,
      "title": "Four <&>",
      "createdBy": 5
    },
    {
      "id": 6,
      "title": "Six",
      "createdBy": 7
    }
  ]
}
`

func TestImportThreads(t *testing.T) {
	store, err := transfertest.Import(t, threads.Table(), threads.Schema, threeThreads)
	if err != nil {
		t.Fatal(err)
	}
	s := threads.NewServer(store, nil)
	now := timestamppb.New(transfertest.Now)
	want := []*threadsv1.Thread{
		{Id: 1, Title: "One", CreatedBy: 7, CreateTime: now, UpdateTime: now, Etag: `"1"`},
		{Id: 4, Title: "Four <&>", CreatedBy: 5, CreateTime: now, UpdateTime: now, Etag: `"2"`},
		{Id: 6, Title: "Six", CreatedBy: 7, CreateTime: now, UpdateTime: now, Etag: `"3"`},
	}
	for createdBy, want := range map[int64][]*threadsv1.Thread{0: want, 7: {want[0], want[2]}, 5: {want[1]}, 1: nil} {
		list, err := s.ListThreads(t.Context(), &threadsv1.ListThreadsRequest{CreatedBy: createdBy})
		if err != nil || len(list.GetThreads()) != len(want) {
			t.Fatal(createdBy, list, err)
		}
		for i, thread := range list.GetThreads() {
			if !proto.Equal(thread, want[i]) {
				t.Errorf("created by %d, thread %d is %v, want %v", createdBy, i, thread, want[i])
			}
		}
	}
	if got := transfertest.Export(t, threads.Table(), store); got != threeThreads {
		t.Errorf("the export is\n%s", got)
	}
}

func TestImportRefusesThreads(t *testing.T) {
	for name, c := range map[string]struct{ thread, want string }{
		"no title":     {"{\"id\": 3,\n\"createdBy\": 1}", "board.json:1: threads[1]: title: must have 1 to 200 characters, has 0"},
		"long title":   {`{"id": 3, "title": "` + strings.Repeat("é", 201) + `", "createdBy": 1}`, "board.json:1: threads[1]: title: must have 1 to 200 characters, has 201"},
		"tab in title": {"{\"id\": 3, \"createdBy\": 1,\n\"title\": \"a\\tb\"}", "board.json:2: threads[1]: title: must have no control characters, has U+0009"},
		"no creator":   {`{"id": 3, "title": "x"}`, "board.json:1: threads[1]: createdBy: is missing"},
		"snake case":   {`{"id": 3, "title": "x", "created_by": 1}`, `board.json:1: threads[1]: there is no field "created_by"`},
	} {
		_, err := transfertest.Import(t, threads.Table(), threads.Schema, `{"threads": [{"id": 1, "title": "One", "createdBy": 1}, `+c.thread+`]}`)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s:\ngot  %v\nwant %s", name, err, c.want)
		}
	}
}

func TestSample(t *testing.T) {
	s := threads.Service()
	store, err := transfertest.Import(t, s.Table, s.Schema, string(s.Sample))
	if err != nil {
		t.Fatal(err)
	}
	if got := transfertest.Export(t, s.Table, store); got != string(s.Sample) {
		t.Errorf("the sample is not written as it is exported:\n%s", got)
	}
}

func FuzzImport(f *testing.F) {
	f.Add(threeThreads)
	f.Add(string(threads.Service().Sample))
	f.Fuzz(func(t *testing.T, text string) {
		store, err := transfertest.Import(t, threads.Table(), threads.Schema, text)
		if err != nil {
			return
		}
		exported := transfertest.Export(t, threads.Table(), store)
		again, err := transfertest.Import(t, threads.Table(), threads.Schema, exported)
		if err != nil {
			t.Fatal(err)
		}
		if got := transfertest.Export(t, threads.Table(), again); got != exported {
			t.Errorf("the export of\n%s\nis\n%s", exported, got)
		}
	})
}
