package edge

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
	threadsv1 "github.com/splitboard/splitboard/gen/splitboard/threads/v1"
	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// A shape says what the JSON of a resource may have. Whatever it accepts means what it
// means to protojson; but protojson stops at the first fault, and words it for
// programmers in Go.
type shape struct {
	message protoreflect.MessageType
	fields  []shapeField
}

type shapeField struct {
	desc      protoreflect.FieldDescriptor
	json, raw string // the JSON name, and the proto name, which is accepted as well
	read      func(*scanner) (value protoreflect.Value, problem string)
}

var shapes = func() map[protoreflect.FullName]*shape {
	m := make(map[protoreflect.FullName]*shape)
	for _, resource := range []proto.Message{new(usersv1.User), new(threadsv1.Thread), new(postsv1.Post)} {
		s := newShape(resource)
		m[s.message.Descriptor().FullName()] = s
	}
	return m
}()

// shapeOf gives the shape of a resource's type.
func shapeOf(resource proto.Message) *shape {
	return shapes[resource.ProtoReflect().Descriptor().FullName()]
}

// newShape panics if the resource has a field of a kind that no other has: such a field
// must get a reader.
func newShape(resource proto.Message) *shape {
	s := &shape{message: resource.ProtoReflect().Type()}
	fields := s.message.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		f := shapeField{desc: fd, json: fd.JSONName(), raw: string(fd.Name())}
		switch {
		case fd.IsList() || fd.IsMap():
		case fd.Kind() == protoreflect.StringKind:
			f.read = readText
		case fd.Kind() == protoreflect.Int64Kind:
			f.read = readInteger
		case fd.Kind() == protoreflect.MessageKind && fd.Message().FullName() == "google.protobuf.Timestamp":
			f.read = readTimestamp
		}
		if f.read == nil {
			panic("edge: no reader for the field " + string(fd.FullName()))
		}
		s.fields = append(s.fields, f)
	}
	return s
}

// find gives the index of a field by either name, -1 if there is none.
func (s *shape) find(name []byte) int {
	for i := range s.fields {
		if f := &s.fields[i]; string(name) == f.json || string(name) == f.raw {
			return i
		}
	}
	return -1
}

// parse reads a body: one JSON object that has the shape's fields, each at most once. Its
// error names every field that is not so. null stands for a field's default.
func (s *shape) parse(data []byte) (proto.Message, error) {
	in := &scanner{data: data}
	in.skipSpace()
	switch {
	case in.atEnd():
		return nil, errBody.Message("the body is empty; it must be one JSON object")
	case !utf8.Valid(data):
		return nil, errBody.Message("the body is not valid UTF-8")
	case !in.take('{'):
		return nil, errBody.Message("the body must be one JSON object")
	}
	d := decoding{shape: s, message: s.message.New()}
	in.members(d.member)
	in.skipSpace()
	if in.fault == "" && !in.atEnd() {
		in.fail("there is more after the object")
	}
	if in.fault != "" {
		return nil, in.err()
	}
	if d.problems != nil {
		return nil, d.err()
	}
	return d.message.Interface(), nil
}

// decoding is one body being read.
type decoding struct {
	*shape
	message  protoreflect.Message
	seen     uint64 // a bit for each field
	problems []problem
}

type problem struct{ field, description string }

// maxProblems bounds how large the answer to a senseless body gets.
const maxProblems = 100

func (d *decoding) violate(field, description string) {
	p := problem{field, description}
	if len(d.problems) < maxProblems && !slices.Contains(d.problems, p) {
		d.problems = append(d.problems, p)
	}
}

func (d *decoding) err() error {
	err := errBody
	for _, p := range d.problems {
		err = err.WithField(p.field, p.description)
	}
	return err
}

// member reads one member of the object, from its value on.
func (d *decoding) member(in *scanner, name []byte) {
	i := d.find(name)
	if i < 0 {
		d.violate(shorten(name), "is not a field of this resource")
		in.skipValue()
		return
	}
	f := &d.fields[i]
	if d.seen&(1<<i) != 0 {
		d.violate(f.json, "must be given once")
		in.skipValue()
		return
	}
	d.seen |= 1 << i
	if in.peek() == 'n' {
		in.literal("null")
		return
	}
	value, problem := f.read(in)
	switch {
	case problem != "":
		d.violate(f.json, problem)
	case in.fault == "":
		d.message.Set(f.desc, value)
	}
}

// shorten gives a name as an error shows it.
func shorten(name []byte) string {
	const most = 64
	if len(name) <= most {
		return string(name)
	}
	cut := most
	for !utf8.RuneStart(name[cut]) {
		cut--
	}
	return string(name[:cut]) + "…"
}

func readText(in *scanner) (protoreflect.Value, string) {
	if in.peek() != '"' {
		in.skipValue()
		return protoreflect.Value{}, "must be a string"
	}
	return protoreflect.ValueOfString(string(in.text())), ""
}

// readInteger takes a number, or a string that holds one, as protojson writes int64.
func readInteger(in *scanner) (protoreflect.Value, string) {
	var number []byte
	switch c := in.peek(); {
	case c == '"':
		quoted := &scanner{data: in.text()}
		if number = quoted.number(); quoted.fault != "" || !quoted.atEnd() {
			number = nil
		}
	case c == '-' || c >= '0' && c <= '9':
		number = in.number()
	default:
		in.skipValue()
	}
	if n, ok := parseInteger(number); ok {
		return protoreflect.ValueOfInt64(n), ""
	}
	return protoreflect.Value{}, "must be an integer of at most 64 bits"
}

func readTimestamp(in *scanner) (protoreflect.Value, string) {
	const rule = "must be a time as RFC 3339 writes it, such as 2026-01-31T12:00:00Z"
	if in.peek() != '"' {
		in.skipValue()
		return protoreflect.Value{}, rule
	}
	text := string(in.text())
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Unix() < minSeconds || t.Unix() > maxSeconds || fractionDigits(text) > 9 {
		return protoreflect.Value{}, rule
	}
	return protoreflect.ValueOfMessage(timestamppb.New(t).ProtoReflect()), ""
}

// fractionDigits counts the digits of a time's fraction of a second.
func fractionDigits(text string) int {
	_, fraction, _ := strings.Cut(text, ".")
	return len(fraction) - len(strings.TrimLeft(fraction, "0123456789"))
}
