package edge

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	threadsv1 "github.com/splitboard/splitboard/gen/splitboard/threads/v1"
	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

func TestBodiesThatAreAccepted(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]proto.Message{
		`{}`:                            &threadsv1.Thread{},
		" \t\r\n{ } \n":                 &threadsv1.Thread{},
		`{"title":"Tea","createdBy":5}`: &threadsv1.Thread{Title: "Tea", CreatedBy: 5},
		` { "created_by" : "5" , "title" : "" } `:                     &threadsv1.Thread{CreatedBy: 5},
		`{"createdBy":1.0}`:                                           &threadsv1.Thread{CreatedBy: 1},
		`{"createdBy":12e2}`:                                          &threadsv1.Thread{CreatedBy: 1200},
		`{"createdBy":"120.50E+1"}`:                                   &threadsv1.Thread{CreatedBy: 1205},
		`{"createdBy":100e-2}`:                                        &threadsv1.Thread{CreatedBy: 1},
		`{"createdBy":-0.0e99}`:                                       &threadsv1.Thread{},
		`{"createdBy":9223372036854775807}`:                           &threadsv1.Thread{CreatedBy: 9223372036854775807},
		`{"createdBy":-9223372036854775808}`:                          &threadsv1.Thread{CreatedBy: -9223372036854775808},
		`{"title":null,"createdBy":null,"createTime":null}`:           &threadsv1.Thread{},
		`{"title":"\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00é😀"}`:            &threadsv1.Thread{Title: "\"\\/\b\f\n\r\té😀é😀"},
		`{"\u0074itle":"Tea"}`:                                        &threadsv1.Thread{Title: "Tea"},
		`{"id":1,"etag":"x","updateTime":"2026-01-01T00:00:00.005Z"}`: &threadsv1.Thread{Id: 1, Etag: "x", UpdateTime: at},
		`{"update_time":"2026-01-01T02:00:00.005+02:00"}`:             &threadsv1.Thread{UpdateTime: at},
	} {
		got, err := shapeOf(want).parse([]byte(body))
		if err != nil || !proto.Equal(got, want) {
			t.Errorf("%s gave %v, %v, want %v", body, got, err, want)
		}
	}
}

func TestBodiesThatAreNoObject(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		"":                                "the body is empty; it must be one JSON object",
		" \n":                             "the body is empty; it must be one JSON object",
		"null":                            "the body must be one JSON object",
		"[]":                              "the body must be one JSON object",
		`"x"`:                             "the body must be one JSON object",
		"NaN":                             "the body must be one JSON object",
		"\xef\xbb\xbf{}":                  "the body must be one JSON object",
		"{\"bio\":\"\xff\"}":              "the body is not valid UTF-8",
		"{":                               "a name in double quotes is missing, at byte 1",
		"{}}":                             "there is more after the object, at byte 2",
		"{} {}":                           "there is more after the object, at byte 3",
		`{"bio":"x",}`:                    "a name in double quotes is missing, at byte 11",
		`{,}`:                             "a name in double quotes is missing, at byte 1",
		`{bio:"x"}`:                       "a name in double quotes is missing, at byte 1",
		`{"bio" "x"}`:                     "a colon is missing, at byte 7",
		`{"bio":}`:                        "a value is missing, at byte 7",
		`{"bio":NaN}`:                     "a value is missing, at byte 7",
		`{"bio":nul}`:                     "a value is missing, at byte 7",
		`{"id":Infinity}`:                 "a value is missing, at byte 6",
		`{"x":tru}`:                       "a value is missing, at byte 5",
		`{"id":-}`:                        "a number is malformed, at byte 7",
		`{"id":1.}`:                       "a number is malformed, at byte 8",
		`{"id":1e}`:                       "a number is malformed, at byte 8",
		`{"id":01}`:                       "a number has a leading zero, at byte 7",
		`{"id":.5}`:                       "a value is missing, at byte 6",
		`{"id":+5}`:                       "a value is missing, at byte 6",
		`{"bio":'x'}`:                     "a value is missing, at byte 7",
		`{"bio":"x}`:                      "a string does not end, at byte 10",
		`{"bio":"\`:                       "a string does not end, at byte 8",
		`{"bio":"\"}`:                     "a string does not end, at byte 11",
		"{\"bio\":\"a\nb\"}":              "a string has a control character; write it as an escape, at byte 9",
		"{\"bio\":\"\\n\nb\"}":            "a string has a control character; write it as an escape, at byte 10",
		`{"bio":"\x"}`:                    "a string has an escape that JSON does not know, at byte 8",
		`{"bio":"\u00g0"}`:                "a string has an escape that is not of four hexadecimal digits, at byte 8",
		`{"bio":"\uD83D"}`:                "a string has half of a surrogate pair or a cut escape, at byte 14",
		`{"bio":"\uD83D\u0041"}`:          "a string has half of a surrogate pair, at byte 20",
		`{"bio":"\uDE00\uDE00"}`:          "a string has half of a surrogate pair, at byte 20",
		`{"x":[1,]}`:                      "a value is missing, at byte 8",
		`{"x":[1 2]}`:                     "a comma or a closing bracket is missing, at byte 8",
		`{"bio":"x" "name":"y"}`:          "a comma or a closing brace is missing, at byte 11",
		`{"bio":"x"`:                      "a comma or a closing brace is missing, at byte 10",
		`{"bio":"x"} // and`:              "there is more after the object, at byte 12",
		`{"id":0x10}`:                     "a comma or a closing brace is missing, at byte 7",
		`{"x":` + strings.Repeat("[", 33): "it is nested too deeply, at byte 38",
		strings.Repeat(`{"x":`, 100000):   "it is nested too deeply, at byte 166",
	} {
		_, err := shapeOf(new(usersv1.User)).parse([]byte(body))
		st := status.Convert(err)
		if !errors.Is(err, errBody) || strings.TrimPrefix(st.Message(), "the body is not one JSON object: ") != want || len(violations(st)) != 0 {
			t.Errorf("%.60q gave %q, %v, want %q", body, st.Message(), violations(st), want)
		}
	}
}

func TestEveryWrongFieldIsNamed(t *testing.T) {
	t.Parallel()
	const integer, text, once, unknown = "must be an integer of at most 64 bits", "must be a string", "must be given once", "is not a field of this resource"
	const stamp = "must be a time as RFC 3339 writes it, such as 2026-01-31T12:00:00Z"
	for body, want := range map[string][]string{
		`{"a":1,"b":{"c":[true,false,null,"x",-1.5e3,{}]},"title":"x","a":2}`: {"a: " + unknown, "b: " + unknown},
		`{"title":1,"createdBy":true,"createTime":{},"etag":[],"nope":"x"}`:   {"title: " + text, "createdBy: " + integer, "createTime: " + stamp, "etag: " + text, "nope: " + unknown},
		`{"createdBy":1,"created_by":1,"title":"x","title":"x","title":3}`:    {"createdBy: " + once, "title: " + once},
		`{"title":null,"title":null}`:                                         {"title: " + once},
		`{"Title":"x","created-by":1,"createdby":1,"":1}`:                     {"Title: " + unknown, "created-by: " + unknown, "createdby: " + unknown, ": " + unknown},
		`{"createdBy":1.5}`:                                {"createdBy: " + integer},
		`{"createdBy":1e-1}`:                               {"createdBy: " + integer},
		`{"createdBy":9223372036854775808}`:                {"createdBy: " + integer},
		`{"createdBy":1e99999999999}`:                      {"createdBy: " + integer},
		`{"createdBy":1e19}`:                               {"createdBy: " + integer},
		`{"createdBy":""}`:                                 {"createdBy: " + integer},
		`{"createdBy":" 5"}`:                               {"createdBy: " + integer},
		`{"createdBy":"5 "}`:                               {"createdBy: " + integer},
		`{"createdBy":"05"}`:                               {"createdBy: " + integer},
		`{"createdBy":"+5"}`:                               {"createdBy: " + integer},
		`{"createdBy":"0x5"}`:                              {"createdBy: " + integer},
		`{"createdBy":{}}`:                                 {"createdBy: " + integer},
		`{"createTime":"yesterday"}`:                       {"createTime: " + stamp},
		`{"createTime":1767225600}`:                        {"createTime: " + stamp},
		`{"createTime":"2026-02-30T00:00:00Z"}`:            {"createTime: " + stamp},
		`{"createTime":"2026-01-01T00:00:00.0123456789Z"}`: {"createTime: " + stamp},
		`{"createTime":"0000-12-31T23:59:59Z"}`:            {"createTime: " + stamp},
		`{"` + strings.Repeat("é", 40) + `":1}`:            {strings.Repeat("é", 32) + "…: " + unknown},
	} {
		_, err := shapeOf(new(threadsv1.Thread)).parse([]byte(body))
		if got := violations(status.Convert(err)); !errors.Is(err, errBody) || !slices.Equal(got, want) {
			t.Errorf("%s gave %q, want %q", body, got, want)
		}
	}
}

// A body full of nonsense must not get an answer that is larger than itself.
func TestViolationsAreBounded(t *testing.T) {
	t.Parallel()
	var body strings.Builder
	body.WriteByte('{')
	for i := range 10_000 {
		if i > 0 {
			body.WriteByte(',')
		}
		body.WriteString(`"x` + strings.Repeat("y", i%90) + strings.Repeat("z", i/90%90) + `":0`)
	}
	body.WriteByte('}')
	_, err := shapeOf(new(usersv1.User)).parse([]byte(body.String()))
	if got := len(violations(status.Convert(err))); got != maxProblems {
		t.Errorf("%d violations", got)
	}
}

// violations gives a status's violations, each as "field: description".
func violations(st *status.Status) (list []string) {
	for _, d := range st.Details() {
		if bad, ok := d.(*errdetails.BadRequest); ok {
			for _, v := range bad.GetFieldViolations() {
				list = append(list, v.GetField()+": "+v.GetDescription())
			}
		}
	}
	return list
}

// FuzzBody: whatever the reader accepts, protojson accepts too and takes for the same;
// what it refuses with protojson's consent is refused on purpose.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{
		`{"title":"Tea","createdBy":5}`, `{"username":"ada","name":"Ada","bio":"x\ny"}`, `{"thread":1,"user":"2","text":"\uD83D\uDE00"}`,
		`{"createdBy":1.50e1}`, `{"createdBy":0.00000000000000000000001e23}`, `{"id":-1e0,"etag":null,"createTime":"2026-01-01T00:00:00.005Z"}`,
		`{"create_time":"2026-01-01T24:00:00,5+14:00"}`, `{"x":[{"y":[[]]}],"title":"\u0000"}`, `{"title":"a","title":"b"}`, "\xff", `{"id":"1"} `,
		`{"id":1e+2147483648,"user":-0}`, `{"bio":"\ud800"}`, `{"bio":null,"bio":"x"}`, `{"id":12345678901234567890}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, resource := range resources {
			got, err := shapeOf(resource).parse(body)
			want := resource.ProtoReflect().New().Interface()
			theirs := protojson.Unmarshal(body, want)
			if err != nil {
				if st := status.Convert(err); !errors.Is(err, errBody) || st.Message() == "" || !utf8.ValidString(st.Message()) {
					t.Errorf("%q gave %v", body, err)
				}
				// protojson takes a field twice if the first of them is null.
				if theirs == nil && !strings.Contains(err.Error(), "must be given once") {
					t.Errorf("%q is refused: %v", body, err)
				}
				continue
			}
			if theirs != nil {
				t.Errorf("%q is accepted, but not by protojson: %v", body, theirs)
			} else if !proto.Equal(got, want) {
				t.Errorf("%q is taken for %v, by protojson for %v", body, got, want)
			}
		}
	})
}

// FuzzID: an id has one way to be written.
func FuzzID(f *testing.F) {
	for _, seed := range []string{"1", "0", "", "-1", "+1", "007", "9223372036854775807", "9223372036854775808", "1_000", "１", " 1", "1e3"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, ok := parseID(s)
		if ok && (id < 1 || resourcePath("", id) != s) {
			t.Errorf("%q is taken for %d", s, id)
		}
		if digits := strings.Trim(s, "0123456789") == ""; !ok && digits && s != "" && s[0] != '0' && len(s) < 19 {
			t.Errorf("%q is refused", s)
		}
	})
}
