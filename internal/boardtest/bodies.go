package boardtest

import (
	"slices"
	"strings"
)

// badBodies are bodies that are not one JSON object of a user's shape.
var badBodies = []struct {
	name, body string
	fields     []string
}{
	{"whitespace", " \r\n\t", nil},
	{"null", "null", nil},
	{"array", "[]", nil},
	{"array of an object", `[{"username":"a","name":"A"}]`, nil},
	{"string", `"user"`, nil},
	{"number", "1", nil},
	{"true", "true", nil},
	{"not JSON", "username=a", nil},
	{"half an object", `{"username":"a","name":"A"`, nil},
	{"half a string", `{"username":"a`, nil},
	{"two objects", `{"username":"a","name":"A"}{"username":"b","name":"B"}`, nil},
	{"two objects on lines", "{\"username\":\"a\",\"name\":\"A\"}\n{}", nil},
	{"letters after", `{"username":"a","name":"A"} x`, nil},
	{"brace after", `{"username":"a","name":"A"}}`, nil},
	{"NUL after", "{\"username\":\"a\",\"name\":\"A\"}\x00", nil},
	{"comma after", `{"username":"a","name":"A"},`, nil},
	{"trailing comma", `{"username":"a","name":"A",}`, nil},
	{"no colon", `{"username" "a"}`, nil},
	{"no value", `{"username":,"name":"A"}`, nil},
	{"no quotes on a name", `{username:"a","name":"A"}`, nil},
	{"single quotes", `{'username':'a','name':'A'}`, nil},
	{"comment", `{"username":"a",/* x */"name":"A"}`, nil},
	{"line comment", "{\"username\":\"a\", // x\n\"name\":\"A\"}", nil},
	{"no-break space", "{\"username\":\"a\",\u00a0\"name\":\"A\"}", nil},
	{"BOM", "\ufeff" + `{"username":"a","name":"A"}`, nil},
	{"UTF-16", "\xff\xfe{\x00}\x00", nil},
	{"NaN", `{"username":"a","name":"A","id":NaN}`, nil},
	{"Infinity", `{"username":"a","name":"A","id":-Infinity}`, nil},
	{"plus sign", `{"username":"a","name":"A","id":+1}`, nil},
	{"leading zero", `{"username":"a","name":"A","id":01}`, nil},
	{"point without digits", `{"username":"a","name":"A","id":1.}`, nil},
	{"hexadecimal", `{"username":"a","name":"A","id":0x10}`, nil},
	{"True", `{"username":"a","name":True}`, nil},
	{"newline in a string", "{\"username\":\"a\",\"name\":\"A\nB\"}", nil},
	{"tab in a string", "{\"username\":\"a\",\"name\":\"A\tB\"}", nil},
	{"NUL in a string", "{\"username\":\"a\",\"name\":\"A\x00B\"}", nil},
	{"invalid UTF-8", "{\"username\":\"a\",\"name\":\"A\xff\"}", nil},
	{"overlong UTF-8", "{\"username\":\"a\",\"name\":\"A\xc0\xaf\"}", nil},
	{"a surrogate in UTF-8", "{\"username\":\"a\",\"name\":\"A\xed\xa0\x80\"}", nil},
	{"invalid UTF-8 in a name", "{\"username\":\"a\",\"name\":\"A\",\"x\xff\":1}", nil},
	{"lone high surrogate", `{"username":"a","name":"\ud83d"}`, nil},
	{"lone low surrogate", `{"username":"a","name":"\ude80"}`, nil},
	{"surrogates the wrong way round", `{"username":"a","name":"\ude80\ud83d"}`, nil},
	{"high surrogate and a letter", `{"username":"a","name":"\ud83d\u0041"}`, nil},
	{"unknown escape", `{"username":"a","name":"\x41"}`, nil},
	{"short escape", `{"username":"a","name":"\u41"}`, nil},
	{"deep array", `{"username":"a","name":"A","bio":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`, nil},
	{"very deep array", `{"username":"a","name":"A","bio":` + strings.Repeat("[", 500_000), nil},
	{"very deep object", strings.Repeat(`{"x":`, 150_000) + "1" + strings.Repeat("}", 150_000), nil},
	{"deep array in an unknown field", `{"username":"a","name":"A","x":` + strings.Repeat("[", 300_000) + strings.Repeat("]", 300_000) + `}`, nil},

	{"unknown field", `{"username":"a","name":"A","color":"red"}`, []string{"color"}},
	{"unknown fields", `{"hat":1,"username":"a","name":"A","color":null}`, []string{"hat", "color"}},
	{"field in other case", `{"Username":"a","name":"A"}`, []string{"Username"}},
	{"field of a thread", `{"username":"a","name":"A","createdBy":1}`, []string{"createdBy"}},
	{"wrapped user", `{"user":{"username":"a","name":"A"}}`, []string{"user"}},
	{"update mask in the body", `{"username":"a","name":"A","updateMask":"name"}`, []string{"updateMask"}},
	{"type name", `{"@type":"type.googleapis.com/splitboard.users.v1.User","username":"a","name":"A"}`, []string{"@type"}},
	{"extension", `{"[splitboard.x]":1,"username":"a","name":"A"}`, []string{"[splitboard.x]"}},
	{"empty field name", `{"":1,"username":"a","name":"A"}`, []string{""}},
	{"duplicate field", `{"username":"a","name":"A","username":"b"}`, []string{"username"}},
	{"duplicate field, same value", `{"username":"a","name":"A","name":"A"}`, []string{"name"}},
	{"duplicate field, null first", `{"username":null,"name":"A","username":"b"}`, []string{"username"}},
	{"duplicate field in escapes", `{"username":"a","name":"A","\u006eame":"B"}`, []string{"name"}},
	{"number for text", `{"username":5,"name":"A"}`, []string{"username"}},
	{"true for text", `{"username":"a","name":true}`, []string{"name"}},
	{"array for text", `{"username":"a","name":["A"]}`, []string{"name"}},
	{"object for text", `{"username":"a","name":"A","bio":{"x":1}}`, []string{"bio"}},
	{"text for an output only number", `{"username":"a","name":"A","id":"x"}`, []string{"id"}},
	{"fraction for an output only number", `{"username":"a","name":"A","id":1.5}`, []string{"id"}},
	{"word for an output only time", `{"username":"a","name":"A","createTime":"yesterday"}`, []string{"createTime"}},
	{"number for an output only time", `{"username":"a","name":"A","updateTime":1700000000}`, []string{"updateTime"}},
	{"no such day", `{"username":"a","name":"A","updateTime":"2001-02-30T00:00:00Z"}`, []string{"updateTime"}},
	{"number for an output only tag", `{"username":"a","name":"A","etag":2}`, []string{"etag"}},
	{"all wrong at once", `{"hat":1,"username":5,"name":[],"bio":"B","bio":"B","id":{}}`, []string{"hat", "username", "name", "bio", "id"}},
}

const mebibyte = 1 << 20

// padded gives a user's body of n bytes.
func padded(n int) string {
	const start, end = `{"username":"{uniq}","name":"A"`, `}`
	return start + strings.Repeat(" ", n-len(start)-len(end)+len("{uniq}")-len("u000001")) + end
}

// bodyCases send each bad body to a create and some to an update, and bodies of great size.
func bodyCases() []restCase {
	cases := []restCase{
		{"empty", []exchange{{send: "POST /api/users", header: []string{"Content-Length: 0", "Content-Type: application/json"}, reason: "INVALID_BODY"}}},
		{"no body", []exchange{{send: "POST /api/threads", reason: "INVALID_BODY"}}},
		{"no body, chunked", []exchange{{send: "POST /api/posts", chunks: true, reason: "INVALID_BODY"}}},
		{"PATCH without a body", []exchange{{send: "PATCH /api/users/{user}", reason: "INVALID_BODY"}}},
	}
	for _, bad := range badBodies {
		cases = append(cases, restCase{bad.name, []exchange{{send: "POST /api/users", body: bad.body, reason: "INVALID_BODY", fields: bad.fields}}})
	}
	for _, name := range []string{"null", "array", "two objects", "letters after", "invalid UTF-8", "lone high surrogate", "very deep object", "unknown fields", "duplicate field", "number for text", "all wrong at once"} {
		bad := badBodies[slices.IndexFunc(badBodies, func(b struct {
			name, body string
			fields     []string
		},
		) bool {
			return b.name == name
		})]
		cases = append(cases, restCase{"PATCH, " + name, []exchange{
			{send: "PATCH /api/users/{user}", body: bad.body, reason: "INVALID_BODY", fields: bad.fields},
			{send: "GET /api/users/{user}", status: 200, answer: []string{`ETag: "{tag:user}"`}, want: `{any}`},
		}})
	}
	return append(cases,
		restCase{"camel and snake", []exchange{{send: "POST /api/threads", body: `{"title":"A","createdBy":{user},"created_by":{user}}`, reason: "INVALID_BODY", fields: []string{"createdBy"}}}},
		restCase{"snake and camel", []exchange{{send: "PATCH /api/users/{user}", body: `{"create_time":null,"createTime":null}`, reason: "INVALID_BODY", fields: []string{"createTime"}}}},
		restCase{"letters for an id", []exchange{{send: "POST /api/threads", body: `{"title":"A","createdBy":"mel"}`, reason: "INVALID_BODY", fields: []string{"createdBy"}}}},
		restCase{"fraction for an id", []exchange{{send: "POST /api/posts", body: `{"thread":1.5,"text":"A","user":1e-1}`, reason: "INVALID_BODY", fields: []string{"thread", "user"}}}},
		restCase{"id beyond 63 bits", []exchange{{send: "POST /api/posts", body: `{"thread":9223372036854775808,"text":"A","user":-9223372036854775809}`, reason: "INVALID_BODY", fields: []string{"thread", "user"}}}},
		restCase{"huge exponent", []exchange{{send: "POST /api/threads", body: `{"title":"A","createdBy":1e1000000}`, reason: "INVALID_BODY", fields: []string{"createdBy"}}}},
		restCase{"huge number", []exchange{{send: "POST /api/threads", body: `{"title":"A","createdBy":` + strings.Repeat("9", 100_000) + `}`, reason: "INVALID_BODY", fields: []string{"createdBy"}}}},
		restCase{"true for an id", []exchange{{send: "POST /api/posts", body: `{"thread":true,"text":"A","user":[1]}`, reason: "INVALID_BODY", fields: []string{"thread", "user"}}}},
		restCase{"spaces in an id", []exchange{{send: "POST /api/threads", body: `{"title":"A","createdBy":" 1"}`, reason: "INVALID_BODY", fields: []string{"createdBy"}}}},
		restCase{"wrong type of an immutable field", []exchange{{send: "PATCH /api/threads/{thread}", body: `{"createdBy":"x"}`, reason: "INVALID_BODY", fields: []string{"createdBy"}}}},
		restCase{"a thousand unknown fields", []exchange{{send: "PATCH /api/threads/{thread}", body: `{"x":1` + strings.Repeat(`,"x":1`, 1000) + `}`, reason: "INVALID_BODY", fields: []string{"x"}}}},

		restCase{"1 MiB", []exchange{{send: "POST /api/users", body: padded(mebibyte), status: 201, want: `{any}"name":"A"{any}`}}},
		restCase{"1 MiB in chunks", []exchange{{send: "POST /api/users", chunks: true, body: padded(mebibyte), status: 201, want: `{any}"name":"A"{any}`}}},
		restCase{"over 1 MiB", []exchange{{send: "POST /api/users", body: padded(mebibyte + 1), reason: "BODY_TOO_LARGE"}}},
		restCase{"over 1 MiB in chunks", []exchange{{send: "POST /api/users", chunks: true, body: padded(mebibyte + 1), reason: "BODY_TOO_LARGE"}}},
		restCase{"PATCH over 1 MiB", []exchange{{send: "PATCH /api/users/{user}", body: padded(mebibyte + 1), reason: "BODY_TOO_LARGE"}}},
		restCase{"4 MiB", []exchange{{send: "POST /api/posts", body: `{"text":"` + strings.Repeat("a", 4*mebibyte) + `"}`, reason: "BODY_TOO_LARGE"}}},
		restCase{"a body that does not come is not waited for", []exchange{{send: "POST /api/posts", header: []string{"Content-Length: 1099511627776"}, reason: "BODY_TOO_LARGE"}}},
	)
}

// mediaCases are the media types of bodies.
var mediaCases = []restCase{
	{"none", []exchange{{send: "POST /api/users", header: []string{"-Content-Type"}, body: `{"username":"{uniq}","name":"A"}`, status: 201, want: `{any}`}}},
	{"charset utf-8", []exchange{{send: "POST /api/users", header: []string{"Content-Type: application/json; charset=utf-8"}, body: `{"username":"{uniq}","name":"A"}`, status: 201, want: `{any}`}}},
	{"capitals and quotes", []exchange{{send: "POST /api/users", header: []string{`Content-Type: Application/JSON ;Charset="UTF-8"`}, body: `{"username":"{uniq}","name":"A"}`, status: 201, want: `{any}`}}},
	{"PATCH as merge patch", []exchange{{send: "PATCH /api/users/{user}", header: []string{"Content-Type: application/merge-patch+json"}, body: `{"bio":"B"}`, status: 200, want: `{any}"bio":"B"{any}`}}},
	{"PATCH as merge patch, charset", []exchange{{send: "PATCH /api/users/{user}", header: []string{"Content-Type: application/merge-patch+json; charset=UTF-8"}, body: `{"bio":null}`, status: 200, want: `{any}"bio":""{any}`}}},
	{"form", []exchange{{send: "POST /api/users", header: []string{"Content-Type: application/x-www-form-urlencoded"}, body: `username=a&name=A`, reason: "UNSUPPORTED_MEDIA_TYPE"}}},
	{"JSON as a form", []exchange{{send: "POST /api/users", header: []string{"Content-Type: application/x-www-form-urlencoded"}, body: `{"username":"{uniq}","name":"A"}`, reason: "UNSUPPORTED_MEDIA_TYPE"}}},
	{"multipart form", []exchange{{send: "POST /api/threads", header: []string{"Content-Type: multipart/form-data; boundary=x"}, body: `--x--`, reason: "UNSUPPORTED_MEDIA_TYPE"}}},
	{"text", []exchange{{send: "POST /api/posts", header: []string{"Content-Type: text/plain"}, body: `{}`, reason: "UNSUPPORTED_MEDIA_TYPE"}}},
	{"text/json", []exchange{{send: "POST /api/users", header: []string{"Content-Type: text/json"}, body: `{}`, reason: "UNSUPPORTED_MEDIA_TYPE"}}},
	{"charset utf-16", []exchange{{send: "POST /api/users", header: []string{"Content-Type: application/json; charset=utf-16"}, body: `{}`, reason: "UNSUPPORTED_MEDIA_TYPE"}}},
	{"charset latin1", []exchange{{send: "PATCH /api/users/{user}", header: []string{"Content-Type: application/json; charset=iso-8859-1"}, body: `{}`, reason: "UNSUPPORTED_MEDIA_TYPE", answer: []string{acceptPatch}}}},
	{"another parameter", []exchange{{send: "POST /api/users", header: []string{"Content-Type: application/json; v=2"}, body: `{}`, reason: "UNSUPPORTED_MEDIA_TYPE"}}},
	{"half a parameter", []exchange{{send: "POST /api/users", header: []string{"Content-Type: application/json; charset"}, body: `{}`, reason: "UNSUPPORTED_MEDIA_TYPE"}}},
	{"a word", []exchange{{send: "POST /api/users", header: []string{"Content-Type: json"}, body: `{}`, reason: "UNSUPPORTED_MEDIA_TYPE"}}},
	{"any", []exchange{{send: "POST /api/users", header: []string{"Content-Type: */*"}, body: `{}`, reason: "UNSUPPORTED_MEDIA_TYPE"}}},
	{"protobuf", []exchange{{send: "POST /api/users", header: []string{"Content-Type: application/x-protobuf"}, body: `x`, reason: "UNSUPPORTED_MEDIA_TYPE"}}},
	{"gRPC", []exchange{{send: "POST /api/users", header: []string{"Content-Type: application/grpc"}, body: `x`, reason: "UNSUPPORTED_MEDIA_TYPE"}}},
	{"merge patch to a POST", []exchange{{send: "POST /api/users", header: []string{"Content-Type: application/merge-patch+json"}, body: `{}`, reason: "UNSUPPORTED_MEDIA_TYPE"}}},
	{"JSON patch to a PATCH", []exchange{{send: "PATCH /api/users/{user}", header: []string{"Content-Type: application/json-patch+json"}, body: `[]`, reason: "UNSUPPORTED_MEDIA_TYPE", answer: []string{acceptPatch}}}},
	{"two types", []exchange{{send: "POST /api/users", header: []string{"Content-Type: application/json", "Content-Type: text/plain"}, body: `{}`, reason: "UNSUPPORTED_MEDIA_TYPE"}}},
	{"no matter what is accepted", []exchange{{send: "GET /api/users/{user}", header: []string{"Accept: text/html"}, status: 200, want: `{any}"name":"Some User"{any}`}}},
	{"a GET's body is not read", []exchange{{send: "GET /api/users/{user}", header: []string{"Content-Type: text/plain"}, body: "username=x", status: 200, want: `{any}"name":"Some User"{any}`}}},
}
