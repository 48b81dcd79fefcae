package boardtest

// createCases make objects of each kind.
var createCases = []restCase{
	{"user", []exchange{
		{send: "POST /api/users", body: `{"username":"{uniq}","name":"Ann Ng","bio":"Sings\tand\nrows"}`, status: 201, answer: []string{"Location: /api/users/{id:a}", `ETag: "{tag:a}"`, "Content-Type: " + jsonType}, want: `{"id":{id:a},"username":"{uniq}","name":"Ann Ng","bio":"Sings\tand\nrows","createTime":"{time:a}","updateTime":"{time:a}","etag":"\"{tag:a}\""}`},
		{send: "GET /api/users/{id:a}", status: 200, answer: []string{`ETag: "{tag:a}"`}, want: `{"id":{id:a},"username":"{uniq}","name":"Ann Ng","bio":"Sings\tand\nrows","createTime":"{time:a}","updateTime":"{time:a}","etag":"\"{tag:a}\""}`},
		{send: "GET /api/users?username={uniq}", status: 200, want: `[{"id":{id:a},"username":"{uniq}","name":"Ann Ng","bio":"Sings\tand\nrows","createTime":"{time:a}","updateTime":"{time:a}","etag":"\"{tag:a}\""}]`},
	}},
	{"user, slash", []exchange{{send: "POST /api/users/", body: `{"username":"{uniq}","name":"A"}`, status: 201, answer: []string{"Location: /api/users/{id:a}"}, want: `{"id":{id:a},"username":"{uniq}","name":"A","bio":"","createTime":"{time:a}","updateTime":"{time:a}","etag":"\"{tag:a}\""}`}}},
	{"thread", []exchange{
		{send: "POST /api/threads", body: `{"title":"Tea?","createdBy":{user}}`, status: 201, answer: []string{"Location: /api/threads/{id:a}", `ETag: "{tag:a}"`}, want: `{"id":{id:a},"title":"Tea?","createdBy":{user},"createTime":"{time:a}","updateTime":"{time:a}","etag":"\"{tag:a}\""}`},
		{send: "GET /api/threads?createdBy={user}", status: 200, want: `[{"id":{id:a},"title":"Tea?","createdBy":{user},"createTime":"{time:a}","updateTime":"{time:a}","etag":"\"{tag:a}\""}]`},
		{send: "GET /api/threads/{id:a}", status: 200, answer: []string{`ETag: "{tag:a}"`}, want: `{any}"title":"Tea?"{any}`},
	}},
	{"post", []exchange{
		{send: "POST /api/posts", body: `{"thread":{thread},"text":"Yes","user":{user}}`, status: 201, answer: []string{"Location: /api/posts/{id:a}", `ETag: "{tag:a}"`}, want: `{"thread":{thread},"text":"Yes","user":{user},"id":{id:a},"createTime":"{time:a}","updateTime":"{time:a}","etag":"\"{tag:a}\""}`},
		{send: "GET /api/posts/in-thread/{thread}", status: 200, want: `[{"thread":{thread},"text":"Yes","user":{user},"id":{id:a},"createTime":"{time:a}","updateTime":"{time:a}","etag":"\"{tag:a}\""}]`},
		{send: "GET /api/posts/by-user/{user}", status: 200, want: `[{"thread":{thread},"text":"Yes","user":{user},"id":{id:a},"createTime":"{time:a}","updateTime":"{time:a}","etag":"\"{tag:a}\""}]`},
		{send: "GET /api/posts/{id:a}", status: 200, answer: []string{`ETag: "{tag:a}"`}, want: `{any}"text":"Yes"{any}`},
	}},
	{"escapes in and out", []exchange{{send: "POST /api/users", body: `{"username":"{uniq}","name":"\u0041\/\\\"<&>\u2028\ud83d\ude80é"}`, status: 201, want: `{"id":{id},"username":"{uniq}","name":"A/\\\"<&>` + "\u2028" + `🚀é","bio":"","createTime":"{time}","updateTime":"{time}","etag":"\"{tag}\""}`}}},
	{"escaped field name", []exchange{{send: "POST /api/users", body: `{"\u0075sername":"{uniq}","name":"A"}`, status: 201, want: `{any}"username":"{uniq}"{any}`}}},
	{"whitespace around everything", []exchange{{send: "POST /api/users", body: " \r\n\t{ \"username\" : \"{uniq}\" ,\n\"name\" : \"A\" } \r\n\t ", status: 201, want: `{any}"name":"A"{any}`}}},
	{"null is empty", []exchange{{send: "POST /api/users", body: `{"username":"{uniq}","name":"A","bio":null,"id":null,"createTime":null}`, status: 201, want: `{any}"bio":""{any}`}}},
	{"output only fields are ignored", []exchange{
		{send: "POST /api/users", body: `{"id":999999998,"username":"{uniq}","name":"A","createTime":"2001-02-03T04:05:06.7Z","updateTime":"2001-02-03T04:05:06.7Z","etag":"\"zz\""}`, status: 201, answer: []string{"Location: /api/users/{id:a}"}, want: `{"id":{id:a},"username":"{uniq}","name":"A","bio":"","createTime":"{time:a}","updateTime":"{time:a}","etag":"\"{tag:a}\""}`},
		{send: "GET /api/users/999999998", reason: "USER_NOT_FOUND"},
	}},
	{"numbers as text", []exchange{{send: "POST /api/posts", body: `{"thread":"{thread}","text":"A","user":"{user}"}`, status: 201, want: `{"thread":{thread},"text":"A","user":{user},{any}`}}},
	{"numbers in other writing", []exchange{{send: "POST /api/posts", body: `{"thread":{thread}.0,"text":"A","user":{user}e0}`, status: 201, want: `{"thread":{thread},"text":"A","user":{user},{any}`}}},
	{"names in proto's writing", []exchange{{send: "POST /api/threads", body: `{"title":"A","created_by":{user}}`, status: 201, want: `{any}"createdBy":{user}{any}`}}},
	{"?updateMask= has no effect", []exchange{{send: "POST /api/users?updateMask=name&user.bio=B&name=C", body: `{"username":"{uniq}","name":"A"}`, status: 201, want: `{any}"name":"A","bio":""{any}`}}},
	{"in chunks", []exchange{{send: "POST /api/users", chunks: true, body: `{"username":"{uniq}","name":"A"}`, status: 201, want: `{any}"name":"A"{any}`}}},
	{"If-None-Match on a create", []exchange{{send: "POST /api/users", header: []string{`If-None-Match: *`}, body: `{"username":"{uniq}","name":"A"}`, status: 201, want: `{any}"name":"A"{any}`}}},

	{"a username in use", []exchange{{send: "POST /api/users", body: `{"username":"{username}","name":"A"}`, reason: "USERNAME_TAKEN", fields: []string{"username"}, answer: []string{"-Location", "-ETag"}}}},
	{"a username in use, other case", []exchange{
		{send: "POST /api/users", body: `{"username":"Ab_{uniq}","name":"A"}`, status: 201, want: `{any}"username":"Ab_{uniq}"{any}`},
		{send: "POST /api/users", body: `{"username":"aB_{uniq}","name":"B"}`, reason: "USERNAME_TAKEN", fields: []string{"username"}},
		{send: "GET /api/users?username=AB_{uniq}", status: 200, want: `[{any}"username":"Ab_{uniq}","name":"A"{any}]`},
	}},
	{"letters that fold to ASCII are no username", []exchange{{send: "POST /api/users", body: `{"username":"\u212Aate{uniq}","name":"A"}`, reason: "INVALID_FIELD", fields: []string{"username"}}}},
	{"a thread by nobody", []exchange{{send: "POST /api/threads", body: `{"title":"A","createdBy":999999999}`, reason: "REFERENCE_NOT_FOUND", fields: []string{"createdBy"}}}},
	{"a post in no thread", []exchange{{send: "POST /api/posts", body: `{"thread":999999999,"text":"A","user":{user}}`, reason: "REFERENCE_NOT_FOUND", fields: []string{"thread"}}}},
	{"a post by nobody", []exchange{{send: "POST /api/posts", body: `{"thread":{thread},"text":"A","user":999999999}`, reason: "REFERENCE_NOT_FOUND", fields: []string{"user"}}}},
	{"a post by nobody in no thread", []exchange{{send: "POST /api/posts", body: `{"thread":999999999,"text":"A","user":9223372036854775807}`, reason: "REFERENCE_NOT_FOUND", fields: []string{"thread", "user"}}}},
	{"an invalid post asks nobody", []exchange{{send: "POST /api/posts", body: `{"thread":999999999,"text":"","user":999999999}`, reason: "INVALID_FIELD", fields: []string{"text"}}}},

	{"an empty user", []exchange{{send: "POST /api/users", body: `{}`, reason: "INVALID_FIELD", fields: []string{"username", "name"}}}},
	{"an empty thread", []exchange{{send: "POST /api/threads", body: `{}`, reason: "INVALID_FIELD", fields: []string{"title", "createdBy"}}}},
	{"an empty post", []exchange{{send: "POST /api/posts", body: `{}`, reason: "INVALID_FIELD", fields: []string{"thread", "text", "user"}}}},
	{"nulls for required fields", []exchange{{send: "POST /api/posts", body: `{"thread":null,"text":null,"user":null}`, reason: "INVALID_FIELD", fields: []string{"thread", "text", "user"}}}},
	{"negative ids", []exchange{{send: "POST /api/posts", body: `{"thread":-1,"text":"A","user":-9223372036854775808}`, reason: "INVALID_FIELD", fields: []string{"thread", "user"}}}},
	{"every field wrong", []exchange{{send: "POST /api/users", body: `{"username":"no spaces","name":"\u0007","bio":"\u0000"}`, reason: "INVALID_FIELD", fields: []string{"username", "name", "bio"}}}},
	{"method override header", []exchange{
		{send: "POST /api/users", header: []string{"X-HTTP-Method-Override: GET", "X-HTTP-Method: DELETE", "X-Method-Override: PUT"}, body: `{"username":"{uniq}","name":"A"}`, status: 201, want: `{any}"name":"A"{any}`},
	}},
	{"method override on a form", []exchange{{send: "POST /api/users?_method=GET", header: []string{"X-HTTP-Method-Override: GET", "Content-Type: application/x-www-form-urlencoded"}, body: `pageSize=1`, reason: "UNSUPPORTED_MEDIA_TYPE"}}},
}

// deleteCases delete posts.
var deleteCases = []restCase{
	{"post", []exchange{
		{send: "DELETE /api/posts/{post}", status: 204, answer: []string{"-ETag", "-Content-Type"}},
		{send: "GET /api/posts/{post}", reason: "POST_NOT_FOUND"},
		{send: "DELETE /api/posts/{post}", reason: "POST_NOT_FOUND"},
		{send: "PATCH /api/posts/{post}", body: `{"text":"A"}`, reason: "POST_NOT_FOUND"},
	}},
	{"post, slash", []exchange{{send: "DELETE /api/posts/{post}/", status: 204}}},
	{"post with a body", []exchange{{send: "DELETE /api/posts/{post}", body: "this is read by nobody", status: 204}}},
	{"gone from its lists", []exchange{
		{send: "POST /api/posts", body: `{"thread":{thread},"text":"A","user":{user}}`, status: 201, answer: []string{"Location: /api/posts/{id:a}"}, want: `{any}`},
		{send: "POST /api/posts", body: `{"thread":{thread},"text":"B","user":{user}}`, status: 201, answer: []string{"Location: /api/posts/{id:b}"}, want: `{any}`},
		{send: "DELETE /api/posts/{id:a}", status: 204},
		{send: "GET /api/posts/in-thread/{thread}", status: 200, want: `[{"thread":{thread},"text":"B","user":{user},"id":{id:b},"createTime":"{time:b}","updateTime":"{time:b}","etag":"\"{tag:b}\""}]`},
		{send: "GET /api/posts/by-user/{user}", status: 200, want: `[{"thread":{thread},"text":"B","user":{user},"id":{id:b},"createTime":"{time:b}","updateTime":"{time:b}","etag":"\"{tag:b}\""}]`},
	}},
	{"nothing", []exchange{{send: "DELETE /api/posts/999999999", reason: "POST_NOT_FOUND"}}},
	{"a user", []exchange{{send: "DELETE /api/users/{user}", reason: "METHOD_NOT_ALLOWED", answer: []string{allowObject}}}},
	{"a thread", []exchange{{send: "DELETE /api/threads/{thread}/", reason: "METHOD_NOT_ALLOWED", answer: []string{allowObject}}}},
	{"a list", []exchange{{send: "DELETE /api/posts", reason: "METHOD_NOT_ALLOWED", answer: []string{allowCollection}}}},
	{"a thread's posts", []exchange{{send: "DELETE /api/posts/in-thread/{thread}", reason: "METHOD_NOT_ALLOWED", answer: []string{allowText}}}},
}
