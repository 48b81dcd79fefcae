package boardtest

import "strings"

// badIDs are path segments that are no ids.
var badIDs = []struct{ name, segment string }{
	{"zero", "0"},
	{"negative", "-1"},
	{"plus sign", "+5"},
	{"encoded plus sign", "%2B5"},
	{"leading zeros", "007"},
	{"decimal point", "1.0"},
	{"exponent", "1e0"},
	{"hexadecimal", "0x1"},
	{"underscore", "1_0"},
	{"beyond 63 bits", "9223372036854775808"},
	{"beyond 64 bits", "18446744073709551617"},
	{"a thousand digits", strings.Repeat("1", 1000)},
	{"letters", "abc"},
	{"digit and letters", "1abc"},
	{"space before", "%201"},
	{"space after", "1%20"},
	{"newline after", "1%0A"},
	{"NUL", "%00"},
	{"Arabic-Indic digit", "%D9%A1"},
	{"fullwidth digit", "%EF%BC%91"},
	{"invalid UTF-8", "%FF"},
	{"comma", "1,2"},
	{"star", "*"},
	{"null", "null"},
	{"verb", "1:undelete"},
	{"quotes", "%221%22"},
}

// idCases ask with each bad id in each place of an id.
func idCases() []restCase {
	var cases []restCase
	add := func(name, send string) {
		cases = append(cases, restCase{name, []exchange{{send: send, reason: "INVALID_ID"}}})
	}
	for _, id := range badIDs {
		add("user, "+id.name, "GET /api/users/"+id.segment)
		add("posts in thread, "+id.name, "GET /api/posts/in-thread/"+id.segment)
	}
	for _, id := range badIDs[:6] {
		add("thread, "+id.name, "GET /api/threads/"+id.segment)
		add("post, "+id.name, "GET /api/posts/"+id.segment+"/")
		add("posts by user, "+id.name, "GET /api/posts/by-user/"+id.segment)
		add("PATCH, "+id.name, "PATCH /api/users/"+id.segment)
		add("DELETE, "+id.name, "DELETE /api/posts/"+id.segment)
		add("HEAD, "+id.name, "HEAD /api/threads/"+id.segment)
	}
	return append(cases,
		restCase{"the greatest id", []exchange{{send: "GET /api/users/9223372036854775807", reason: "USER_NOT_FOUND"}}},
		restCase{"posts in the greatest thread", []exchange{{send: "GET /api/posts/in-thread/9223372036854775807", status: 200, want: "[]"}}},
		restCase{"a wrong method wins over a bad id", []exchange{{send: "PUT /api/users/abc", reason: "METHOD_NOT_ALLOWED", answer: []string{allowObject}}}},
		restCase{"OPTIONS asks no id", []exchange{{send: "OPTIONS /api/posts/abc", status: 204, answer: []string{allowPost}}}},
	)
}
