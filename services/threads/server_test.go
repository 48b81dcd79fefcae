package threads_test

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/splitboard/splitboard/internal/apierr/apierrtest"
	"github.com/splitboard/splitboard/internal/store"
	"github.com/splitboard/splitboard/internal/store/storetest"
	"github.com/splitboard/splitboard/services/threads"

	errorsv1 "github.com/splitboard/splitboard/gen/splitboard/errors/v1"
	threadsv1 "github.com/splitboard/splitboard/gen/splitboard/threads/v1"
	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

const ok = errorsv1.Reason_REASON_UNSPECIFIED

// fakeUsers knows the users 1 to 3, unless it is down.
type fakeUsers struct {
	usersv1.UsersServiceClient
	down bool
}

func (f *fakeUsers) GetUser(_ context.Context, req *usersv1.GetUserRequest, _ ...grpc.CallOption) (*usersv1.GetUserResponse, error) {
	switch {
	case f.down:
		return nil, status.Error(codes.Unavailable, "connection refused")
	case req.GetId() > 3:
		return nil, status.Error(codes.NotFound, "there is no such user")
	}
	return &usersv1.GetUserResponse{}, nil
}

func newServer(t *testing.T) (*threads.Server, *fakeUsers) {
	t.Helper()
	f := new(fakeUsers)
	return threads.NewServer(storetest.Open(t, threads.Schema, store.Options{}), f), f
}

func create(t *testing.T, s *threads.Server, title string, by int64) *threadsv1.Thread {
	t.Helper()
	resp, err := s.CreateThread(t.Context(), &threadsv1.CreateThreadRequest{Thread: &threadsv1.Thread{Title: title, CreatedBy: by}})
	if err != nil {
		t.Fatal(err)
	}
	return resp.GetThread()
}

func TestCreateThreadChecks(t *testing.T) {
	s, _ := newServer(t)
	for name, c := range map[string]struct {
		thread *threadsv1.Thread
		reason errorsv1.Reason
		fields []string
	}{
		"nothing":         {nil, errorsv1.Reason_REASON_INVALID_FIELD, []string{"title", "createdBy"}},
		"negative user":   {&threadsv1.Thread{Title: "T", CreatedBy: -1}, errorsv1.Reason_REASON_INVALID_FIELD, []string{"createdBy"}},
		"long title":      {&threadsv1.Thread{Title: strings.Repeat("é", 201), CreatedBy: 1}, errorsv1.Reason_REASON_INVALID_FIELD, []string{"title"}},
		"two lines":       {&threadsv1.Thread{Title: "a\nb", CreatedBy: 1}, errorsv1.Reason_REASON_INVALID_FIELD, []string{"title"}},
		"unknown creator": {&threadsv1.Thread{Title: "T", CreatedBy: 4}, errorsv1.Reason_REASON_REFERENCE_NOT_FOUND, []string{"createdBy"}},
		"longest title":   {&threadsv1.Thread{Title: strings.Repeat("é", 200), CreatedBy: 3}, ok, nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.CreateThread(t.Context(), &threadsv1.CreateThreadRequest{Thread: c.thread})
			apierrtest.Want(t, err, c.reason, c.fields...)
		})
	}
}

func TestUsersDown(t *testing.T) {
	s, users := newServer(t)
	keyed := store.WithIdempotencyKey(t.Context(), "key")
	req := &threadsv1.CreateThreadRequest{Thread: &threadsv1.Thread{Title: "T", CreatedBy: 1}}
	first, err := s.CreateThread(keyed, req)
	if err != nil {
		t.Fatal(err)
	}
	users.down = true

	_, err = s.CreateThread(t.Context(), req)
	apierrtest.Want(t, err, errorsv1.Reason_REASON_PEER_UNAVAILABLE)
	again, err := s.CreateThread(keyed, req)
	if err != nil || !proto.Equal(again, first) {
		t.Errorf("the retry of a committed write answers %v (%v), want %v", again, err, first)
	}
	got, err := s.GetThread(t.Context(), &threadsv1.GetThreadRequest{Id: 1})
	if err != nil || got.GetThread().GetTitle() != "T" {
		t.Errorf("reading answers %v (%v)", got, err)
	}
	_, err = s.UpdateThread(t.Context(), &threadsv1.UpdateThreadRequest{Id: 1, Thread: &threadsv1.Thread{Title: "U"}})
	apierrtest.Want(t, err, ok)
}

func TestListThreads(t *testing.T) {
	s, _ := newServer(t)
	for _, by := range []int64{1, 2, 1, 3, 1} {
		create(t, s, "T", by)
	}
	for name, c := range map[string]struct {
		req  *threadsv1.ListThreadsRequest
		want []int64
	}{
		"all":                {&threadsv1.ListThreadsRequest{}, []int64{1, 2, 3, 4, 5}},
		"all, last first":    {&threadsv1.ListThreadsRequest{OrderBy: "id desc", PageSize: 2}, []int64{5, 4, 3, 2, 1}},
		"of one":             {&threadsv1.ListThreadsRequest{CreatedBy: 1, PageSize: 1}, []int64{1, 3, 5}},
		"of one, last first": {&threadsv1.ListThreadsRequest{CreatedBy: 1, PageSize: 2, OrderBy: "id desc"}, []int64{5, 3, 1}},
		"of none":            {&threadsv1.ListThreadsRequest{CreatedBy: 9}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []int64
			for {
				page, err := s.ListThreads(t.Context(), c.req)
				if err != nil {
					t.Fatal(err)
				}
				for _, th := range page.GetThreads() {
					got = append(got, th.GetId())
				}
				if c.req.PageToken = page.GetNextPageToken(); c.req.GetPageToken() == "" {
					break
				}
			}
			if len(got) != len(c.want) {
				t.Fatalf("ids %v, want %v", got, c.want)
			}
			for i := range got {
				if got[i] != c.want[i] {
					t.Fatalf("ids %v, want %v", got, c.want)
				}
			}
		})
	}
	first, err := s.ListThreads(t.Context(), &threadsv1.ListThreadsRequest{CreatedBy: 1, PageSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.ListThreads(t.Context(), &threadsv1.ListThreadsRequest{CreatedBy: 2, PageToken: first.GetNextPageToken()})
	apierrtest.Want(t, err, errorsv1.Reason_REASON_INVALID_PAGE_TOKEN)
	_, err = s.ListThreads(t.Context(), &threadsv1.ListThreadsRequest{CreatedBy: -1, PageSize: -1, OrderBy: "title"})
	apierrtest.Want(t, err, errorsv1.Reason_REASON_INVALID_FIELD, "createdBy", "pageSize", "orderBy")
}

func TestUpdateThread(t *testing.T) {
	s, _ := newServer(t)
	before := create(t, s, "T", 1)
	mask := func(paths ...string) *fieldmaskpb.FieldMask { return &fieldmaskpb.FieldMask{Paths: paths} }
	for _, c := range []struct {
		name   string
		req    *threadsv1.UpdateThreadRequest
		reason errorsv1.Reason
		fields []string
	}{
		{"its creator", &threadsv1.UpdateThreadRequest{Id: 1, Thread: &threadsv1.Thread{CreatedBy: 2}, UpdateMask: mask("created_by")}, errorsv1.Reason_REASON_INVALID_FIELD, []string{"createdBy"}},
		{"its creator and a bad title", &threadsv1.UpdateThreadRequest{Id: 1, UpdateMask: mask("created_by", "title")}, errorsv1.Reason_REASON_INVALID_FIELD, []string{"createdBy", "title"}},
		{"no such thread", &threadsv1.UpdateThreadRequest{Id: 2, Thread: &threadsv1.Thread{Title: "U"}}, errorsv1.Reason_REASON_THREAD_NOT_FOUND, nil},
		{"star leaves the creator", &threadsv1.UpdateThreadRequest{Id: 1, Thread: &threadsv1.Thread{Title: "U", CreatedBy: 3}, UpdateMask: mask("*")}, ok, nil},
		{"stale etag", &threadsv1.UpdateThreadRequest{Id: 1, Etag: before.GetEtag(), Thread: &threadsv1.Thread{Title: "V"}}, errorsv1.Reason_REASON_ETAG_MISMATCH, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := s.UpdateThread(t.Context(), c.req)
			apierrtest.Want(t, err, c.reason, c.fields...)
		})
	}
	after, err := s.GetThread(t.Context(), &threadsv1.GetThreadRequest{Id: 1})
	if err != nil || after.GetThread().GetTitle() != "U" || after.GetThread().GetCreatedBy() != 1 {
		t.Errorf("the thread is %v (%v), want the title U and the creator 1", after.GetThread(), err)
	}
}
