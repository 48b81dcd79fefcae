package edge

import (
	"bytes"
	"encoding/json"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
	threadsv1 "github.com/splitboard/splitboard/gen/splitboard/threads/v1"
	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// resources are all types that the edge writes and reads.
var resources = []proto.Message{new(usersv1.User), new(threadsv1.Thread), new(postsv1.Post)}

// appendResource writes any resource.
func appendResource(t interface{ Fatalf(string, ...any) }, m proto.Message) []byte {
	b, err := codec{}.Marshal(m)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return b
}

// asProtojson writes a resource as protojson does, without spaces and with int64 as
// numbers.
func asProtojson(t interface{ Fatalf(string, ...any) }, m proto.Message) []byte {
	text, err := protojson.MarshalOptions{EmitUnpopulated: true}.Marshal(m)
	if err != nil {
		t.Fatalf("%v", err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil {
		t.Fatalf("%v", err)
	}
	out := compact.Bytes()
	fields := m.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		if fd := fields.Get(i); fd.Kind() == protoreflect.Int64Kind {
			// No text can look like this: in a string the quotes have backslashes.
			number := regexp.MustCompile(`([{,]"` + fd.JSONName() + `":)"(-?[0-9]+)"`)
			out = number.ReplaceAll(out, []byte("$1$2"))
		}
	}
	return out
}

// draw gives a random message of m's type.
func draw(t *rapid.T, m proto.Message) proto.Message {
	r := m.ProtoReflect().New()
	fields := r.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		name := string(fd.Name())
		if rapid.IntRange(0, 4).Draw(t, name+" is zero") == 0 {
			continue
		}
		switch fd.Kind() {
		case protoreflect.Int64Kind:
			r.Set(fd, protoreflect.ValueOfInt64(rapid.Int64().Draw(t, name)))
		case protoreflect.StringKind:
			r.Set(fd, protoreflect.ValueOfString(drawText(t, name)))
		default:
			r.Set(fd, protoreflect.ValueOfMessage(drawTimestamp(t, name).ProtoReflect()))
		}
	}
	return r.Interface()
}

// drawText gives text of any code points, and often of those that JSON escapes or that
// stand at the edges of UTF-8's ranges.
func drawText(t *rapid.T, name string) string {
	special := rapid.SampledFrom([]rune{0, 1, 8, 9, 10, 12, 13, 0x1F, ' ', '"', '\\', '/', '<', '>', '&', 0x7E, 0x7F, 0x80, 0x7FF, 0x800,
		0x2028, 0x2029, 0xD7FF, 0xE000, 0xFEFF, 0xFFFD, 0xFFFF, 0x10000, 0x10FFFF})
	everyRune := rapid.Map(rapid.Int32Range(0, utf8.MaxRune), func(n int32) rune { return n }).Filter(utf8.ValidRune)
	return rapid.StringOf(rapid.OneOf(special, everyRune, rapid.RuneFrom([]rune("abc 123")))).Draw(t, name)
}

func drawTimestamp(t *rapid.T, name string) *timestamppb.Timestamp {
	seconds := rapid.OneOf(rapid.Int64Range(minSeconds, maxSeconds), rapid.SampledFrom([]int64{minSeconds, maxSeconds, -1, 0, 951782400, -62162035200 + 86400*365}))
	nanos := rapid.OneOf(rapid.Int32Range(0, 999_999_999), rapid.Map(rapid.Int32Range(0, 999), func(n int32) int32 { return n * 1_000_000 }),
		rapid.Map(rapid.Int32Range(0, 999_999), func(n int32) int32 { return n * 1000 }))
	return &timestamppb.Timestamp{
		Seconds: min(maxSeconds, max(minSeconds, seconds.Draw(t, name+" seconds"))),
		Nanos:   nanos.Draw(t, name+" nanos"),
	}
}

func TestWriterAgreesWithProtojson(t *testing.T) {
	t.Parallel()
	for _, resource := range resources {
		t.Run(string(resource.ProtoReflect().Descriptor().Name()), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				m := draw(t, resource)
				if got, want := appendResource(t, m), asProtojson(t, m); !bytes.Equal(got, want) {
					t.Fatalf("got  %s\nwant %s", got, want)
				}
			})
		})
	}
}

// A field that is added to a proto must be added to the writer, at its place.
func TestWriterHasEveryField(t *testing.T) {
	t.Parallel()
	for _, resource := range resources {
		full := resource.ProtoReflect().New()
		fields := full.Descriptor().Fields()
		var want []string
		for i := range fields.Len() {
			fd := fields.Get(i)
			want = append(want, fd.JSONName())
			switch {
			case fd.Kind() == protoreflect.StringKind:
				full.Set(fd, protoreflect.ValueOfString("text"))
			case fd.Kind() == protoreflect.Int64Kind:
				full.Set(fd, protoreflect.ValueOfInt64(int64(i)+1))
			case fd.Message() != nil:
				full.Set(fd, full.NewField(fd))
			default:
				t.Errorf("%s is of a kind that this test does not know", fd.FullName())
			}
		}
		for _, m := range []proto.Message{full.Interface(), resource} {
			got := appendResource(t, m)
			if !bytes.Equal(got, asProtojson(t, m)) {
				t.Errorf("got %s, want %s", got, asProtojson(t, m))
			}
			if names := topLevelNames(t, got); strings.Join(names, " ") != strings.Join(want, " ") {
				t.Errorf("%s has the fields %v, want %v", full.Descriptor().Name(), names, want)
			}
		}
	}
}

func topLevelNames(t *testing.T, object []byte) (names []string) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(object))
	if _, err := dec.Token(); err != nil {
		t.Fatal(err)
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name.(string))
		var value any
		if err := dec.Decode(&value); err != nil {
			t.Fatal(err)
		}
	}
	return names
}

func TestTimestamps(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   *timestamppb.Timestamp
		want string
	}{
		{nil, "null"},
		{&timestamppb.Timestamp{}, `"1970-01-01T00:00:00Z"`},
		{&timestamppb.Timestamp{Seconds: minSeconds}, `"0001-01-01T00:00:00Z"`},
		{&timestamppb.Timestamp{Seconds: maxSeconds, Nanos: 999_999_999}, `"9999-12-31T23:59:59.999999999Z"`},
		{&timestamppb.Timestamp{Nanos: 120_000_000}, `"1970-01-01T00:00:00.120Z"`},
		{&timestamppb.Timestamp{Nanos: 1000}, `"1970-01-01T00:00:00.000001Z"`},
		{&timestamppb.Timestamp{Nanos: 1}, `"1970-01-01T00:00:00.000000001Z"`},
		// RFC 3339 has no way to write these.
		{&timestamppb.Timestamp{Seconds: minSeconds - 1}, "null"},
		{&timestamppb.Timestamp{Seconds: maxSeconds + 1}, "null"},
		{&timestamppb.Timestamp{Seconds: math.MinInt64}, "null"},
		{&timestamppb.Timestamp{Nanos: -1}, "null"},
		{&timestamppb.Timestamp{Nanos: 1_000_000_000}, "null"},
	} {
		if got := string(appendTimestamp(nil, c.in)); got != c.want {
			t.Errorf("%v became %s, want %s", c.in, got, c.want)
		}
	}
}

// Every day that RFC 3339 can write, against package time.
func TestDates(t *testing.T) {
	t.Parallel()
	day := time.Unix(minSeconds, 0).UTC()
	for n := range uint32((maxSeconds-minSeconds)/secondsPerDay + 1) {
		year, month, dayOfMonth := date(n)
		if y, m, d := day.Date(); int(year) != y || int(month) != int(m) || int(dayOfMonth) != d {
			t.Fatalf("day %d is %d-%d-%d, want %s", n, year, month, dayOfMonth, day.Format(time.DateOnly))
		}
		day = day.AddDate(0, 0, 1)
	}
}

func TestEmptyListIsAnArray(t *testing.T) {
	t.Parallel()
	if got := string(appendList(nil, nil, appendUser)); got != "[]" {
		t.Errorf("got %s", got)
	}
}
