package boardtest

// readConditionCases ask with If-None-Match, which compares weakly.
var readConditionCases = []restCase{
	{"the current tag", []exchange{
		{send: "GET /api/users/1", status: 200, answer: []string{`ETag: "{tag:u1}"`}, want: user1},
		{send: "GET /api/users/1", header: []string{`If-None-Match: "{tag:u1}"`}, status: 304, answer: []string{`ETag: "{tag:u1}"`, "-Content-Type", "-Content-Length"}},
		{send: "HEAD /api/users/1/", header: []string{`If-None-Match: "{tag:u1}"`}, status: 304, answer: []string{`ETag: "{tag:u1}"`}},
		{send: "GET /api/users/1", header: []string{`If-None-Match: W/"{tag:u1}"`}, status: 304},
		{send: "GET /api/users/1", header: []string{`If-None-Match: "zz", W/"a,b" ,"{tag:u1}"`}, status: 304},
		{send: "GET /api/users/1", header: []string{`If-None-Match: "zz"`, `If-None-Match: "{tag:u1}"`}, status: 304},
		{send: "GET /api/users/1", header: []string{`If-None-Match: *`}, status: 304, answer: []string{`ETag: "{tag:u1}"`}},
	}},
	{"another tag", []exchange{{send: "GET /api/users/1", header: []string{`If-None-Match: "zz"`}, status: 200, want: user1}}},
	{"other tags", []exchange{{send: "GET /api/threads/1", header: []string{`If-None-Match: "zz", W/"yy"`}, status: 200, want: thread1}}},
	{"an empty tag", []exchange{{send: "GET /api/posts/1", header: []string{`If-None-Match: ""`}, status: 200, want: post1}}},
	{"a list's tag", []exchange{
		{send: "GET /api/users", status: 200, answer: []string{`ETag: W/"{tag:l}"`}, want: allUsers},
		{send: "GET /api/users/", header: []string{`If-None-Match: W/"{tag:l}"`}, status: 304, answer: []string{`ETag: W/"{tag:l}"`}},
		{send: "GET /api/users", header: []string{`If-None-Match: "{tag:l}"`}, status: 304},
		{send: "GET /api/users", header: []string{`If-None-Match: *`}, status: 304},
		{send: "HEAD /api/users?pageSize=2", header: []string{`If-None-Match: W/"{tag:l}"`}, status: 304},
	}},
	{"an empty list's tag", []exchange{
		{send: "GET /api/posts/in-thread/99", status: 200, answer: []string{`ETag: W/"{tag:l}"`}, want: "[]"},
		{send: "GET /api/posts/in-thread/99", header: []string{`If-None-Match: W/"{tag:l}"`}, status: 304},
		{send: "GET /api/posts/by-user/1", header: []string{`If-None-Match: *`}, status: 304},
	}},
	{"another list's tag", []exchange{{send: "GET /api/threads", header: []string{`If-None-Match: W/"zz"`}, status: 200, want: allThreads}}},
	{"star of nothing", []exchange{{send: "GET /api/users/99", header: []string{"If-None-Match: *"}, reason: "USER_NOT_FOUND"}}},
	{"a word", []exchange{{send: "GET /api/users/1", header: []string{"If-None-Match: abc"}, reason: "INVALID_FIELD", fields: []string{"If-None-Match"}}}},
	{"half a tag", []exchange{{send: "GET /api/users/1", header: []string{`If-None-Match: "abc`}, reason: "INVALID_FIELD", fields: []string{"If-None-Match"}}}},
	{"no comma", []exchange{{send: "GET /api/posts", header: []string{`If-None-Match: "a" "b"`}, reason: "INVALID_FIELD", fields: []string{"If-None-Match"}}}},
	{"a small w", []exchange{{send: "GET /api/posts/1", header: []string{`If-None-Match: w/"a"`}, reason: "INVALID_FIELD", fields: []string{"If-None-Match"}}}},
	{"star among tags", []exchange{{send: "GET /api/posts/1", header: []string{`If-None-Match: "a", *`}, reason: "INVALID_FIELD", fields: []string{"If-None-Match"}}}},
	{"empty", []exchange{{send: "GET /api/posts/1", header: []string{`If-None-Match:`}, reason: "INVALID_FIELD", fields: []string{"If-None-Match"}}}},
	{"health texts have no tags", []exchange{{send: "GET /api/", header: []string{"If-None-Match: *"}, status: 200, answer: []string{"-ETag"}, want: "API ready to receive requests"}}},
}

// writeConditionCases write with If-Match, which compares strongly.
var writeConditionCases = []restCase{
	{"the current tag", []exchange{
		{send: "PATCH /api/users/{user}", header: []string{`If-Match: "{tag:user}"`}, body: `{"bio":"A"}`, status: 200, answer: []string{`ETag: "{tag:a}"`}, want: `{"id":{user},"username":"{username}","name":"Some User","bio":"A","createTime":"{time}","updateTime":"{time}","etag":"\"{tag:a}\""}`},
		{send: "PATCH /api/users/{user}", header: []string{`If-Match: "{tag:user}"`}, body: `{"bio":"B"}`, reason: "ETAG_MISMATCH", answer: []string{"-ETag"}},
		{send: "PATCH /api/users/{user}", header: []string{`If-Match: "{tag:a}"`}, body: `{"bio":"C"}`, status: 200, answer: []string{`ETag: "{tag:c}"`}, want: `{any}"bio":"C"{any}`},
		{send: "GET /api/users/{user}", status: 200, answer: []string{`ETag: "{tag:c}"`}, want: `{any}"bio":"C"{any}`},
	}},
	{"a tag in a list", []exchange{
		{send: "PATCH /api/threads/{thread}", header: []string{`If-Match: "zz", "{tag:thread}"`}, body: `{"title":"A"}`, status: 200, want: `{any}"title":"A"{any}`},
		{send: "PATCH /api/threads/{thread}", header: []string{`If-Match: "zz","{tag:thread}"`}, body: `{"title":"B"}`, reason: "ETAG_MISMATCH"},
	}},
	{"tags on two lines", []exchange{
		{send: "PATCH /api/threads/{thread}", header: []string{`If-Match: "zz"`, `If-Match: "{tag:thread}"`}, body: `{"title":"A"}`, status: 200, want: `{any}"title":"A"{any}`},
	}},
	{"star", []exchange{{send: "PATCH /api/posts/{post}", header: []string{"If-Match: *"}, body: `{"text":"A"}`, status: 200, want: `{any}"text":"A"{any}`}}},
	{"star of nothing", []exchange{{send: "PATCH /api/posts/999999999", header: []string{"If-Match: *"}, body: `{"text":"A"}`, reason: "POST_NOT_FOUND"}}},
	{"a tag of nothing", []exchange{{send: "PATCH /api/threads/999999999", header: []string{`If-Match: "zz"`}, body: `{"title":"A"}`, reason: "THREAD_NOT_FOUND"}}},
	{"tags of nothing", []exchange{{send: "PATCH /api/users/999999999", header: []string{`If-Match: "zz", "yy"`}, body: `{"bio":"A"}`, reason: "USER_NOT_FOUND"}}},
	{"a weak tag", []exchange{{send: "PATCH /api/users/{user}", header: []string{`If-Match: W/"{tag:user}"`}, body: `{"bio":"A"}`, reason: "ETAG_MISMATCH"}}},
	{"another tag", []exchange{{send: "PATCH /api/users/{user}", header: []string{`If-Match: "zz"`}, body: `{"bio":"A"}`, reason: "ETAG_MISMATCH"}}},
	{"a change of nothing is guarded too", []exchange{
		{send: "PATCH /api/users/{user}", header: []string{`If-Match: "zz"`}, body: `{}`, reason: "ETAG_MISMATCH"},
		{send: "PATCH /api/users/{user}", header: []string{`If-Match: "{tag:user}"`}, body: `{}`, status: 200, answer: []string{`ETag: "{tag:user}"`}, want: `{any}"bio":"Says little"{any}`},
	}},
	{"the tag of before a change and back", []exchange{
		{send: "PATCH /api/users/{user}", body: `{"bio":"A"}`, status: 200, want: `{any}`},
		{send: "PATCH /api/users/{user}", body: `{"bio":"Says little"}`, status: 200, want: `{any}`},
		{send: "PATCH /api/users/{user}", header: []string{`If-Match: "{tag:user}"`}, body: `{"bio":"B"}`, reason: "ETAG_MISMATCH"},
	}},
	{"a word", []exchange{{send: "PATCH /api/users/{user}", header: []string{`If-Match: {tag:user}`}, body: `{"bio":"A"}`, reason: "INVALID_FIELD", fields: []string{"If-Match"}}}},
	{"half a tag", []exchange{{send: "DELETE /api/posts/{post}", header: []string{`If-Match: "{tag:post}`}, reason: "INVALID_FIELD", fields: []string{"If-Match"}}}},
	{"star among tags", []exchange{{send: "DELETE /api/posts/{post}", header: []string{`If-Match: *, "{tag:post}"`}, reason: "INVALID_FIELD", fields: []string{"If-Match"}}}},
	{"empty", []exchange{{send: "PATCH /api/threads/{thread}", header: []string{`If-Match:`}, body: `{"title":"A"}`, reason: "INVALID_FIELD", fields: []string{"If-Match"}}}},
	{"DELETE, another tag", []exchange{
		{send: "DELETE /api/posts/{post}", header: []string{`If-Match: "zz"`}, reason: "ETAG_MISMATCH"},
		{send: "DELETE /api/posts/{post}", header: []string{`If-Match: W/"{tag:post}"`}, reason: "ETAG_MISMATCH"},
		{send: "DELETE /api/posts/{post}", header: []string{`If-Match: "zz", "{tag:post}"`}, status: 204},
		{send: "DELETE /api/posts/{post}", header: []string{`If-Match: *`}, reason: "POST_NOT_FOUND"},
	}},
	{"DELETE, the current tag", []exchange{{send: "DELETE /api/posts/{post}/", header: []string{`If-Match: "{tag:post}"`}, status: 204}}},
	{"DELETE, star", []exchange{{send: "DELETE /api/posts/{post}", header: []string{`If-Match: *`}, status: 204}}},
	{"a list's tag changes with a write", []exchange{
		{send: "GET /api/posts/in-thread/{thread}", status: 200, answer: []string{`ETag: W/"{tag:l}"`}, want: "[]"},
		{send: "POST /api/posts", body: `{"thread":{thread},"text":"A","user":{user}}`, status: 201, want: `{any}`},
		{send: "GET /api/posts/in-thread/{thread}", header: []string{`If-None-Match: W/"{tag:l}"`}, status: 200, want: `[{any}"text":"A"{any}]`},
	}},
}
