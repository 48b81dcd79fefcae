package forward

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	forwardv1 "github.com/splitboard/splitboard/gen/splitboard/forward/v1"
	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

var now = time.Unix(1_800_000_000, 0)

func TestCallFrame(t *testing.T) {
	t.Parallel()
	req := &usersv1.GetUserRequest{Id: 7}
	full := Call{
		Method: "/splitboard.users.v1.UsersService/GetUser", Deadline: now.Add(1500 * time.Millisecond),
		RequestID: "r", IdempotencyKey: "k", RetryKey: []byte{0, 255}, id: 1 << 40,
	}
	past := Call{Deadline: now.Add(-time.Second)}
	for name, c := range map[string]Call{"full": full, "empty": {}, "past": past} {
		wire, err := appendCall([]byte("before"), &c, now, req, proto.Size(req))
		if err != nil {
			t.Fatal(err)
		}
		f, err := readFrame(bufio.NewReader(iotest.OneByteReader(bytes.NewReader(wire[len("before"):]))), maxCall)
		if err != nil {
			t.Fatal(err)
		}
		got, err := parseCall(f.buf, now)
		if err != nil {
			t.Fatal(err)
		}
		sent := new(usersv1.GetUserRequest)
		if err := proto.Unmarshal(got.Message, sent); err != nil || !proto.Equal(sent, req) {
			t.Errorf("%s: the request is %v, %v", name, sent, err)
		}
		got.Message = nil
		if !reflect.DeepEqual(got, c) {
			t.Errorf("%s: sent %+v, got %+v", name, c, got)
		}
	}
}

// A deadline that is now must not become none.
func TestDeadlineNow(t *testing.T) {
	t.Parallel()
	wire, err := appendCall(nil, &Call{Deadline: now}, now, &usersv1.GetUserRequest{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := parseCall(wire[headSize:], now); err != nil || c.Deadline.IsZero() || c.Deadline.After(now) {
		t.Errorf("the deadline is %v, %v", c.Deadline, err)
	}
}

// Another version may send what this one does not know.
func TestUnknownFields(t *testing.T) {
	t.Parallel()
	more := func(b []byte) []byte {
		b = protowire.AppendVarint(protowire.AppendTag(b, 99, protowire.VarintType), 1)
		b = protowire.AppendFixed64(protowire.AppendTag(b, 100, protowire.Fixed64Type), 2)
		return protowire.AppendString(protowire.AppendTag(b, 101, protowire.BytesType), "new")
	}
	call, err := proto.Marshal(&forwardv1.Call{Id: 3, Method: "/m"})
	if err != nil {
		t.Fatal(err)
	}
	if c, err := parseCall(more(call), now); err != nil || c.id != 3 || c.Method != "/m" {
		t.Errorf("%+v, %v", c, err)
	}
	answer, err := proto.Marshal(&forwardv1.Answer{Id: 4, Result: &forwardv1.Answer_Message{}})
	if err != nil {
		t.Fatal(err)
	}
	if a, err := parseAnswer(more(answer)); err != nil || a.id != 4 || a.failed {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := parseAnswer(more(nil)); !errors.Is(err, errMalformed) {
		t.Errorf("an answer of a kind that is not known: %v", err)
	}
}

func TestReadFrame(t *testing.T) {
	t.Parallel()
	frame := func(size uint32, body string) string {
		return string(binary.BigEndian.AppendUint32(nil, size)) + body
	}
	for name, c := range map[string]struct {
		wire string
		want error
	}{
		"nothing":     {"", io.EOF},
		"half a size": {"\x00\x00", io.ErrUnexpectedEOF},
		"no body":     {frame(3, ""), io.ErrUnexpectedEOF},
		"half a body": {frame(3, "ab"), io.ErrUnexpectedEOF},
		"empty":       {frame(0, ""), nil},
		"largest":     {frame(100, strings.Repeat("x", 100)), nil},
		"too large":   {frame(101, strings.Repeat("x", 101)), errTooLarge},
		"far beyond":  {frame(1<<32-1, ""), errTooLarge},
	} {
		if _, err := readFrame(bufio.NewReader(strings.NewReader(c.wire)), 100); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFrameLimit(t *testing.T) {
	t.Parallel()
	for size, fits := range map[int]bool{maxCall - 64: true, maxCall: false} {
		req := &usersv1.UpdateUserRequest{User: &usersv1.User{Bio: strings.Repeat("x", size)}}
		if _, err := appendCall(nil, &Call{}, now, req, proto.Size(req)); (err == nil) != fits {
			t.Errorf("%d: %v", size, err)
		}
	}
}

// What is parsed by hand is what generated code says it is.
func FuzzCall(f *testing.F) {
	wire, err := proto.Marshal(&forwardv1.Call{
		Id: 1, Method: "/s/M", TimeoutMicros: -1, RequestId: "r", IdempotencyKey: "k", RetryKey: []byte("y"), Message: []byte("m"),
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wire)
	f.Add([]byte("\x12\x01\xff"))
	f.Add([]byte("\x88\x88\x88\x880\x88\xcf0")) // a field number beyond all bounds
	f.Add([]byte("\x0a\x01x\x10\x01\x0b\x0c"))
	f.Fuzz(func(t *testing.T, b []byte) {
		want := new(forwardv1.Call)
		wantErr := proto.Unmarshal(b, want)
		got, err := parseCall(b, now)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%v, generated code: %v", err, wantErr)
		}
		if err != nil {
			return
		}
		if got.id != want.GetId() || got.Method != want.GetMethod() || got.RequestID != want.GetRequestId() ||
			got.IdempotencyKey != want.GetIdempotencyKey() || !bytes.Equal(got.RetryKey, want.GetRetryKey()) ||
			!bytes.Equal(got.Message, want.GetMessage()) {
			t.Fatalf("%+v, generated code: %v", got, want)
		}
		switch timeout := want.GetTimeoutMicros(); {
		case timeout == 0 != got.Deadline.IsZero(),
			timeout < 0 && !got.Deadline.Before(now),
			timeout > 0 && !got.Deadline.After(now):
			t.Fatalf("%d µs: %v", timeout, got.Deadline)
		}
	})
}

func FuzzAnswer(f *testing.F) {
	for _, a := range []*forwardv1.Answer{
		{Id: 1, Result: &forwardv1.Answer_Message{Message: []byte("m")}},
		{Id: 1 << 63, Result: &forwardv1.Answer_Status{Status: []byte("s")}},
	} {
		wire, err := proto.Marshal(a)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		want := new(forwardv1.Answer)
		wantErr := proto.Unmarshal(b, want)
		got, err := parseAnswer(b)
		if (err == nil) != (wantErr == nil && want.Result != nil) {
			t.Fatalf("%v, generated code: %v", err, wantErr)
		}
		if err != nil {
			return
		}
		_, failed := want.GetResult().(*forwardv1.Answer_Status)
		if got.id != want.GetId() || got.failed != failed || !bytes.Equal(got.wire, append(want.GetMessage(), want.GetStatus()...)) {
			t.Fatalf("%+v, generated code: %v", got, want)
		}
	})
}

// What comes in frames is what went into them, wherever the network cuts.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x01a\x00\x00\x00\x00\x00\x00\x00\x02"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bufio.NewReader(iotest.HalfReader(bytes.NewReader(b)))
		for rest := b; ; {
			frame, err := readFrame(r, 1<<10)
			if err != nil {
				if len(rest) >= headSize && int(binary.BigEndian.Uint32(rest)) <= min(1<<10, len(rest)-headSize) {
					t.Fatalf("a whole frame is not read: %v", err)
				}
				return
			}
			size := int(binary.BigEndian.Uint32(rest))
			if !bytes.Equal(frame.buf, rest[headSize:headSize+size]) {
				t.Fatalf("%q came out of %q", frame.buf, rest)
			}
			rest = rest[headSize+size:]
			frame.free()
		}
	})
}

// Why frames are read and written by hand.
func BenchmarkFrame(b *testing.B) {
	user := &usersv1.GetUserResponse{User: &usersv1.User{Id: 1, Name: "users/1", Bio: strings.Repeat("x", 200)}}
	call := Call{Method: usersv1.UsersService_GetUser_FullMethodName, Deadline: now.Add(time.Second), RequestID: strings.Repeat("0", 32)}
	buf := make([]byte, 0, 1<<10)
	b.Run("by hand", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			wire, err := appendCall(buf, &call, now, user, proto.Size(user))
			if err != nil {
				b.Fatal(err)
			}
			if _, err := parseCall(wire[headSize:], now); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("generated", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			message, err := proto.Marshal(user)
			if err != nil {
				b.Fatal(err)
			}
			wire, err := proto.MarshalOptions{}.MarshalAppend(buf, &forwardv1.Call{
				Id: 1, Method: call.Method, TimeoutMicros: 1_000_000, RequestId: call.RequestID, Message: message,
			})
			if err != nil {
				b.Fatal(err)
			}
			if err := proto.Unmarshal(wire, new(forwardv1.Call)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
