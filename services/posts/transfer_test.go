package posts_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/splitboard/splitboard/internal/transfer/transfertest"
	"github.com/splitboard/splitboard/services/posts"

	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
)

const fourPosts = `{
  "posts": [
    {
      "thread": 8,
      "text": "First",
      "user": 3
    },
    {
      "thread": 5,
      "text": "Second\n\t\"é\"",
      "user": 3
    },
    {
      "thread": 8,
      "text": "Fourth",
      "user": 2,
      "id": 4
    },
    {
      "thread": 5,
      "text": "Ninth",
      "user": 3,
      "id": 9
    }
  ]
}
`

func TestImportPosts(t *testing.T) {
	store, err := transfertest.Import(t, posts.Table(), posts.Schema, fourPosts)
	if err != nil {
		t.Fatal(err)
	}
	s := posts.NewServer(store, nil, nil)
	now := timestamppb.New(transfertest.Now)
	want := []*postsv1.Post{
		{Thread: 8, Text: "First", User: 3, Id: 1, CreateTime: now, UpdateTime: now, Etag: `"1"`},
		{Thread: 5, Text: "Second\n\t\"é\"", User: 3, Id: 2, CreateTime: now, UpdateTime: now, Etag: `"2"`},
		{Thread: 8, Text: "Fourth", User: 2, Id: 4, CreateTime: now, UpdateTime: now, Etag: `"3"`},
		{Thread: 5, Text: "Ninth", User: 3, Id: 9, CreateTime: now, UpdateTime: now, Etag: `"4"`},
	}
	expect := func(what string, got, want []*postsv1.Post, err error) {
		t.Helper()
		if err != nil || len(got) != len(want) {
			t.Fatalf("%s: %v, %v", what, got, err)
		}
		for i := range got {
			if !proto.Equal(got[i], want[i]) {
				t.Errorf("%s: post %d is %v, want %v", what, i, got[i], want[i])
			}
		}
	}
	all, err := s.ListPosts(t.Context(), &postsv1.ListPostsRequest{})
	expect("all", all.GetPosts(), want, err)
	for thread, want := range map[int64][]*postsv1.Post{8: {want[0], want[2]}, 5: {want[1], want[3]}, 1: nil} {
		list, err := s.ListPostsInThread(t.Context(), &postsv1.ListPostsInThreadRequest{Thread: thread})
		expect(fmt.Sprint("in thread ", thread), list.GetPosts(), want, err)
	}
	for user, want := range map[int64][]*postsv1.Post{3: {want[0], want[1], want[3]}, 2: {want[2]}, 1: nil} {
		list, err := s.ListPostsByUser(t.Context(), &postsv1.ListPostsByUserRequest{User: user})
		expect(fmt.Sprint("by user ", user), list.GetPosts(), want, err)
	}
	if got := transfertest.Export(t, posts.Table(), store); got != fourPosts {
		t.Errorf("the export is\n%s", got)
	}
	// A post that was deleted leaves a gap, which the others' ids keep.
	if _, err := s.DeletePost(t.Context(), &postsv1.DeletePostRequest{Id: 1}); err != nil {
		t.Fatal(err)
	}
	gap := transfertest.Export(t, posts.Table(), store)
	again, err := transfertest.Import(t, posts.Table(), posts.Schema, gap)
	if err != nil {
		t.Fatal(err)
	}
	if got := transfertest.Export(t, posts.Table(), again); got != gap || !strings.Contains(gap, `"id": 2`) {
		t.Errorf("the export of\n%s\nis\n%s", gap, got)
	}
}

func TestImportRefusesPosts(t *testing.T) {
	for name, c := range map[string]struct{ post, want string }{
		"no text":   {"{\"thread\": 1,\n\"text\": \"\", \"user\": 1}", "board.json:2: posts[1]: text: must have 1 to 10000 characters, has 0"},
		"long text": {`{"thread": 1, "text": "` + strings.Repeat(`\ud83d\ude00`, 10_001) + `", "user": 1}`, "board.json:1: posts[1]: text: must have 1 to 10000 characters, has 10001"},
		"bell":      {`{"thread": 1, "text": "\u0007", "user": 1}`, "board.json:1: posts[1]: text: must have no control characters but newline and tab, has U+0007"},
		"no thread": {`{"text": "x", "user": 1}`, "board.json:1: posts[1]: thread: is missing"},
		"thread 0":  {`{"thread": 0, "text": "x", "user": 1}`, "board.json:1: posts[1]: thread: must be a whole number from 1 to 9007199254740991, is 0"},
		"id 0":      {`{"thread": 1, "text": "x", "user": 1, "id": 0}`, "board.json:1: posts[1]: id: must be a whole number from 1 to 9007199254740991, is 0"},
		"id again":  {`{"thread": 1, "text": "x", "user": 1, "id": 1}`, "board.json:1: posts[1]: id: 1 is another record's already"},
	} {
		_, err := transfertest.Import(t, posts.Table(), posts.Schema, `{"posts": [{"thread": 1, "text": "x", "user": 1}, `+c.post+`]}`)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s:\ngot  %v\nwant %s", name, err, c.want)
		}
	}
	longest := strings.Repeat(`\ud83d\ude00`, 10_000)
	if _, err := transfertest.Import(t, posts.Table(), posts.Schema, `{"posts": [{"thread": 1, "text": "`+longest+`", "user": 1}]}`); err != nil {
		t.Errorf("the longest text, in escapes: %v", err)
	}
}

func TestSample(t *testing.T) {
	s := posts.Service()
	store, err := transfertest.Import(t, s.Table, s.Schema, string(s.Sample))
	if err != nil {
		t.Fatal(err)
	}
	if got := transfertest.Export(t, s.Table, store); got != string(s.Sample) {
		t.Errorf("the sample is not written as it is exported:\n%s", got)
	}
}

func FuzzImport(f *testing.F) {
	f.Add(fourPosts)
	f.Add(string(posts.Service().Sample))
	f.Fuzz(func(t *testing.T, text string) {
		store, err := transfertest.Import(t, posts.Table(), posts.Schema, text)
		if err != nil {
			return
		}
		exported := transfertest.Export(t, posts.Table(), store)
		again, err := transfertest.Import(t, posts.Table(), posts.Schema, exported)
		if err != nil {
			t.Fatal(err)
		}
		if got := transfertest.Export(t, posts.Table(), again); got != exported {
			t.Errorf("the export of\n%s\nis\n%s", exported, got)
		}
	})
}
