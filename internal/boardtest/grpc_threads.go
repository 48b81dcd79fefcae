package boardtest

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	threadsv1 "github.com/splitboard/splitboard/gen/splitboard/threads/v1"
)

// runThreads tries every RPC of the threads service.
func runThreads(t *testing.T, b *clients) {
	create := func(t *testing.T, th *threadsv1.Thread) error {
		_, err := b.threads.CreateThread(deadline(t), &threadsv1.CreateThreadRequest{Thread: th})
		return err
	}
	get := func(t *testing.T, id int64) *threadsv1.Thread {
		t.Helper()
		res, err := b.threads.GetThread(deadline(t), &threadsv1.GetThreadRequest{Id: id})
		if err != nil {
			t.Fatal(err)
		}
		return res.GetThread()
	}
	list := func(t *testing.T, req *threadsv1.ListThreadsRequest) *threadsv1.ListThreadsResponse {
		t.Helper()
		res, err := b.threads.ListThreads(deadline(t), req)
		if err != nil {
			t.Fatal(err)
		}
		return res
	}

	t.Run("CreateThread", func(t *testing.T) {
		user := b.someUser(t).GetId()
		th := b.createThread(t, &threadsv1.Thread{Id: 999999997, Title: "Tea?", CreatedBy: user, Etag: `"zz"`})
		wantStamps(t, th.GetId(), th.GetCreateTime(), th.GetUpdateTime(), th.GetEtag())
		wantEqual(t, "the thread", th, &threadsv1.Thread{
			Id: th.GetId(), Title: "Tea?", CreatedBy: user,
			CreateTime: th.GetCreateTime(), UpdateTime: th.GetUpdateTime(), Etag: th.GetEtag(),
		})
		if th.GetId() == 999999997 || th.GetEtag() == `"zz"` {
			t.Error("output only fields were taken from the request")
		}
		wantEqual(t, "the thread read", get(t, th.GetId()), th)

		wantFailure(t, create(t, nil), "INVALID_FIELD", "title", "createdBy")
		wantFailure(t, create(t, &threadsv1.Thread{Title: strings.Repeat("x", 201), CreatedBy: -1}), "INVALID_FIELD", "title", "createdBy")
		wantFailure(t, create(t, &threadsv1.Thread{Title: "a\nb", CreatedBy: user}), "INVALID_FIELD", "title")
		wantFailure(t, create(t, &threadsv1.Thread{Title: "A", CreatedBy: 999999999}), "REFERENCE_NOT_FOUND", "createdBy")
	})

	t.Run("GetThread", func(t *testing.T) {
		_, err := b.threads.GetThread(deadline(t), &threadsv1.GetThreadRequest{Id: 999999999})
		wantFailure(t, err, "THREAD_NOT_FOUND")
		_, err = b.threads.GetThread(deadline(t), &threadsv1.GetThreadRequest{})
		wantFailure(t, err, "INVALID_FIELD", "id")
	})

	t.Run("ListThreads", func(t *testing.T) {
		user, other := b.someUser(t).GetId(), b.someUser(t).GetId()
		made := make([]*threadsv1.Thread, 5)
		for i := range made {
			made[i] = b.createThread(t, &threadsv1.Thread{Title: "A", CreatedBy: user})
			b.createThread(t, &threadsv1.Thread{Title: "B", CreatedBy: other})
		}
		for _, order := range []string{"", "id", "id asc", " id  desc "} {
			var got []*threadsv1.Thread
			req := &threadsv1.ListThreadsRequest{PageSize: 2, OrderBy: order, CreatedBy: user}
			for pages := 1; ; pages++ {
				res := list(t, req)
				wantTag(t, res.GetEtag(), "W/")
				got = append(got, res.GetThreads()...)
				if res.GetNextPageToken() == "" {
					if pages != 3 {
						t.Errorf("order %q: 5 threads came in %d pages of 2", order, pages)
					}
					break
				}
				req.PageToken = res.GetNextPageToken()
			}
			if len(got) != len(made) {
				t.Fatalf("order %q: listed %d of %d threads", order, len(got), len(made))
			}
			for i, th := range got {
				want := made[i]
				if strings.Contains(order, "desc") {
					want = made[len(made)-1-i]
				}
				wantEqual(t, "a thread listed", th, want)
			}
		}
		wantOrder(t, list(t, &threadsv1.ListThreadsRequest{PageSize: 2000, OrderBy: "id desc"}).GetThreads(), (*threadsv1.Thread).GetId, true)
		if res := list(t, &threadsv1.ListThreadsRequest{CreatedBy: 999999999}); len(res.GetThreads()) != 0 || res.GetNextPageToken() != "" {
			t.Errorf("listing nobody's threads gave %v", res)
		}
		token := list(t, &threadsv1.ListThreadsRequest{PageSize: 1, CreatedBy: user}).GetNextPageToken()
		for _, bad := range []struct {
			req    *threadsv1.ListThreadsRequest
			reason string
			fields []string
		}{
			{&threadsv1.ListThreadsRequest{PageSize: -1, OrderBy: "title", CreatedBy: -1}, "INVALID_FIELD", []string{"pageSize", "orderBy", "createdBy"}},
			{&threadsv1.ListThreadsRequest{PageToken: token}, "INVALID_PAGE_TOKEN", nil},
			{&threadsv1.ListThreadsRequest{PageToken: token, CreatedBy: other}, "INVALID_PAGE_TOKEN", nil},
			{&threadsv1.ListThreadsRequest{PageToken: token, CreatedBy: user, OrderBy: "id desc"}, "INVALID_PAGE_TOKEN", nil},
		} {
			_, err := b.threads.ListThreads(deadline(t), bad.req)
			wantFailure(t, err, bad.reason, bad.fields...)
		}
	})

	t.Run("UpdateThread", func(t *testing.T) {
		for _, c := range []struct {
			name  string
			req   *threadsv1.UpdateThreadRequest // its id is set below
			title string                         // "" if nothing shall change
		}{
			{"a path", &threadsv1.UpdateThreadRequest{Thread: &threadsv1.Thread{Title: "T", CreatedBy: 7}, UpdateMask: mask("title")}, "T"},
			{"no mask", &threadsv1.UpdateThreadRequest{Thread: &threadsv1.Thread{Title: "T", Id: 7}}, "T"},
			{"an immutable field, no mask", &threadsv1.UpdateThreadRequest{Thread: &threadsv1.Thread{Title: "T", CreatedBy: 1}}, "T"},
			{"an immutable field, star", &threadsv1.UpdateThreadRequest{Thread: &threadsv1.Thread{Title: "T", CreatedBy: 1}, UpdateMask: mask("*")}, "T"},
			{"star", &threadsv1.UpdateThreadRequest{Thread: &threadsv1.Thread{Title: "T"}, UpdateMask: mask("*")}, "T"},
			{"output only paths", &threadsv1.UpdateThreadRequest{Thread: &threadsv1.Thread{Title: "T", Id: 7}, UpdateMask: mask("id", "update_time")}, ""},
			{"the same title", &threadsv1.UpdateThreadRequest{Thread: &threadsv1.Thread{Title: "Some thread"}, UpdateMask: mask("title")}, ""},
		} {
			t.Run(c.name, func(t *testing.T) {
				before := b.someThread(t)
				c.req.Id = before.GetId()
				res, err := b.threads.UpdateThread(deadline(t), c.req)
				if err != nil {
					t.Fatal(err)
				}
				want := proto.CloneOf(before)
				if c.title != "" {
					want.Title, want.Etag, want.UpdateTime = c.title, res.GetThread().GetEtag(), res.GetThread().GetUpdateTime()
					if want.GetEtag() == before.GetEtag() {
						t.Error("the etag is as before the change")
					}
				}
				wantEqual(t, "the thread after the change", res.GetThread(), want)
				wantEqual(t, "the thread read after the change", get(t, before.GetId()), want)
			})
		}
		for _, c := range []struct {
			name   string
			req    *threadsv1.UpdateThreadRequest // its id is set below if it is 0
			reason string
			fields []string
		}{
			{"no such thread", &threadsv1.UpdateThreadRequest{Id: 999999999, Thread: &threadsv1.Thread{Title: "T"}}, "THREAD_NOT_FOUND", nil},
			{"an immutable path", &threadsv1.UpdateThreadRequest{Thread: &threadsv1.Thread{Title: "T", CreatedBy: 1}, UpdateMask: mask("title", "created_by")}, "INVALID_FIELD", []string{"createdBy"}},
			{"an unknown path", &threadsv1.UpdateThreadRequest{Thread: &threadsv1.Thread{Title: "T"}, UpdateMask: mask("createdBy")}, "INVALID_FIELD", []string{"updateMask"}},
			{"star and a path", &threadsv1.UpdateThreadRequest{Thread: &threadsv1.Thread{Title: "T"}, UpdateMask: mask("*", "title")}, "INVALID_FIELD", []string{"updateMask"}},
			{"an empty title", &threadsv1.UpdateThreadRequest{Thread: &threadsv1.Thread{}, UpdateMask: mask("title")}, "INVALID_FIELD", []string{"title"}},
			{"another etag", &threadsv1.UpdateThreadRequest{Thread: &threadsv1.Thread{Title: "T"}, Etag: `"zz"`}, "ETAG_MISMATCH", nil},
		} {
			t.Run(c.name, func(t *testing.T) {
				before := b.someThread(t)
				if c.req.GetId() == 0 {
					c.req.Id = before.GetId()
				}
				_, err := b.threads.UpdateThread(deadline(t), c.req)
				wantFailure(t, err, c.reason, c.fields...)
				wantEqual(t, "the thread after a refused change", get(t, before.GetId()), before)
			})
		}
	})
}
