package rolling

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/splitboard/splitboard/internal/apierr"

	errorsv1 "github.com/splitboard/splitboard/gen/splitboard/errors/v1"
	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// tooNew tells whether a text says what an operator must know about a store that is too new.
func tooNew(text string) bool {
	return strings.Contains(text, "its data needs schema version 2") && strings.Contains(text, "this binary knows 1")
}

// TestMigrate migrates a store, beside a process of the first version that stays.
func TestMigrate(t *testing.T) {
	t.Parallel()
	data := shared(t)
	owner := first.start(t, data, "--drain", "0s")
	stays := first.start(t, data, "--no-own")
	c := dial(t, "gRPC", stays).(*grpcClient)
	for i := range 2*rowsInAStep + 5 {
		if _, err := c.create(t.Context(), &usersv1.User{Username: fmt.Sprint("u", i), Name: "A name", Bio: "written"}); err != nil {
			t.Fatal(err)
		}
	}
	next := second.start(t, data, "--drain", "0s")

	// Somebody owns it.
	code, _, errs := second.run(t, "migrate", "--data", data)
	if code != 3 || !strings.Contains(errs, "held by another process") || !strings.Contains(errs, owner.instance) {
		t.Errorf("migrate of a store that is served: exit %d\n%s", code, errs)
	}
	owner.stop(t)
	if code, _, errs = second.run(t, "migrate", "--data", data); code != 3 || !strings.Contains(errs, next.instance) {
		t.Errorf("migrate of a store that the next one took over: exit %d\n%s", code, errs)
	}
	next.stop(t)

	// Half of a migration is too new for the first version as well.
	dying := second.program(t, "migrate", "--data", data)
	dying.Env = append(dying.Env, diesInStep+"=2")
	if code, _, errs := output(t, dying); code != -1 {
		t.Fatalf("a migration that is killed: exit %d\n%s", code, errs)
	}
	if code, out, _ := second.run(t, "check", "--data", data); code != 1 || !strings.Contains(out, "migration") {
		t.Errorf("check: exit %d\n%s", code, out)
	}
	wantRefused(t, data)
	if code, out, errs := second.run(t, "migrate", "--data", data); code != 0 || out != "users: min_reader was 1 and is 2\n" {
		t.Fatalf("migrate: exit %d\n%s%s", code, out, errs)
	}
	wantRefused(t, data)
	if code, out, errs := second.run(t, "check", "--data", data); code != 0 {
		t.Errorf("check: exit %d\n%s%s", code, out, errs)
	}

	// The process that stayed finds the new version, whose rows it can pass on.
	second.start(t, data)
	list, err := c.all(t.Context())
	if err != nil || len(list) != 2*rowsInAStep+5 {
		t.Errorf("%d users, %v", len(list), err)
	}
	for _, u := range list {
		if u.GetBio() != "WRITTEN" {
			t.Fatalf("after the migration there is %v", u)
		}
	}
	wantAll(t, stays, "stays")
}

// wantRefused has the first version refuse a store.
func wantRefused(t *testing.T, data string) {
	t.Helper()
	for _, args := range [][]string{
		{"serve", "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--seed", "none"}, {"check"}, {"migrate"}, {"export", data + "/board.json"},
	} {
		code, out, errs := first.run(t, append(args, "--data", data)...)
		if code != 1 || !tooNew(errs) {
			t.Errorf("%s by the first version: exit %d, want 1 and why\n%s%s", args[0], code, out, errs)
		}
	}
}

// TestOlderOnlyForwards leaves a process of the first version alone with a store that it
// must not open.
func TestOlderOnlyForwards(t *testing.T) {
	t.Parallel()
	data := shared(t)
	second.start(t, data, "--drain", "0s").stop(t)
	if code, _, errs := second.run(t, "migrate", "--data", data); code != 0 {
		t.Fatalf("migrate: exit %d\n%s", code, errs)
	}
	owner := second.start(t, data, "--drain", "0s")
	older := first.start(t, data)
	wantAll(t, older, "beside")

	// It says why it is no candidate, to whoever asks.
	for _, flags := range [][]string{{"--dry-run"}, nil} {
		code, out, errs := second.run(t, append([]string{"handoff", "--to", older.instance, "--data", data}, flags...)...)
		if code != 5 || !tooNew(errs) {
			t.Errorf("handoff to the first version: exit %d, want 5 and why\n%s%s", code, out, errs)
		}
	}
	wantForwarder(t, data, older)

	// The next one of the new version takes over, and not the older one.
	next := second.start(t, data, "--drain", "0s")
	owner.stop(t)
	is := first.status(t, data)
	before := is.standing()
	if before.owner != next.instance || before.minReader != 2 {
		t.Fatalf("the store is %+v, want it with %s", before, next.instance)
	}
	wantAll(t, older, "rolled")

	next.stop(t)
	wantNobody(t, older)
	is = second.status(t, data)
	if got := is.standing(); got.owner != "" {
		t.Errorf("the store is with %q", got.owner)
	}
	wantForwarder(t, data, older)
	var why []string
	for _, l := range older.log.complaints() {
		if l.Msg == "cannot own the store, and only forwards for now" {
			why = append(why, l.Error)
		}
	}
	if len(why) != 1 || !tooNew(why[0]) {
		t.Errorf("it says %d times why it does not own the store, want once: %q", len(why), why)
	}

	began := time.Now()
	again := second.start(t, data)
	wantAll(t, older, "again")
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("after the new version's start all was well in %v, want 3 s", took)
	}
	is = first.status(t, data)
	want := before
	want.owner, want.epoch = again.instance, before.epoch+1 // so nobody has opened it meanwhile
	if is.standing() != want {
		t.Errorf("the store is %+v, want %+v", is.standing(), want)
	}
}

// wantForwarder has a process of the first version tell in status why it is no candidate.
func wantForwarder(t *testing.T, data string, older *process) {
	t.Helper()
	is := first.status(t, data)
	if state, refusal := is.of(older); state != "FORWARDER" || !tooNew(refusal) {
		t.Errorf("status says %s %q, want FORWARDER and why", state, refusal)
	}
}

// wantNobody has a process without an owner answer in time that there is none.
func wantNobody(t *testing.T, p *process) {
	t.Helper()
	reason := apierr.ReasonName(errorsv1.Reason_REASON_NOT_OWNER)
	grpc, rest := dial(t, "gRPC", p), dial(t, "REST", p)
	ctx, cancel := context.WithTimeout(t.Context(), callTimeout)
	defer cancel()
	var asking sync.WaitGroup
	asking.Go(func() {
		_, err := grpc.create(ctx, &usersv1.User{Username: "nobody", Name: "Nobody"})
		if st := status.Convert(err); st.Code() != codes.Unavailable || apierr.ReasonOf(st) != reason {
			t.Errorf("gRPC: %v, want UNAVAILABLE %s", err, reason)
		}
	})
	asking.Go(func() {
		_, err := rest.create(ctx, &usersv1.User{Username: "nobody", Name: "Nobody"})
		refused, ok := errors.AsType[*refusal](err)
		if !ok || refused.status != http.StatusServiceUnavailable || refused.retryAfter == "" || !strings.Contains(refused.body, reason) {
			t.Errorf("REST: %v, want 503 %s and when to try again", err, reason)
		}
	})
	asking.Wait()
}
