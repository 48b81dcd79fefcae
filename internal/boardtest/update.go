package boardtest

// updateCases change objects: a PATCH changes the fields that its body names.
var updateCases = []restCase{
	{"one field of a user", []exchange{
		{send: "PATCH /api/users/{user}", body: `{"name":"New Name"}`, status: 200, answer: []string{`ETag: "{tag:a}"`, "-Location"}, want: `{"id":{user},"username":"{username}","name":"New Name","bio":"Says little","createTime":"{time:a}","updateTime":"{time:b}","etag":"\"{tag:a}\""}`},
		{send: "GET /api/users/{user}", status: 200, answer: []string{`ETag: "{tag:a}"`}, want: `{"id":{user},"username":"{username}","name":"New Name","bio":"Says little","createTime":"{time:a}","updateTime":"{time:b}","etag":"\"{tag:a}\""}`},
	}},
	{"all fields of a user", []exchange{{send: "PATCH /api/users/{user}/", body: `{"username":"{uniq}","name":"N","bio":"B"}`, status: 200, want: `{"id":{user},"username":"{uniq}","name":"N","bio":"B","createTime":"{time:a}","updateTime":"{time:b}","etag":"\"{tag:a}\""}`}}},
	{"a thread's title", []exchange{
		{send: "PATCH /api/threads/{thread}", body: `{"title":"New title"}`, status: 200, answer: []string{`ETag: "{tag:a}"`}, want: `{"id":{thread},"title":"New title","createdBy":{id:u},"createTime":"{time}","updateTime":"{time}","etag":"\"{tag:a}\""}`},
		{send: "GET /api/threads?createdBy={id:u}", status: 200, want: `[{"id":{thread},"title":"New title",{any}]`},
	}},
	{"a post's text", []exchange{
		{send: "PATCH /api/posts/{post}", body: `{"text":"New text"}`, status: 200, answer: []string{`ETag: "{tag:a}"`}, want: `{"thread":{id:t},"text":"New text","user":{id:u},"id":{post},"createTime":"{time}","updateTime":"{time}","etag":"\"{tag:a}\""}`},
		{send: "GET /api/posts/in-thread/{id:t}", status: 200, want: `[{"thread":{id:t},"text":"New text","user":{id:u},"id":{post},"createTime":"{time}","updateTime":"{time}","etag":"\"{tag:a}\""}]`},
		{send: "GET /api/posts/by-user/{id:u}", status: 200, want: `[{"thread":{id:t},"text":"New text","user":{id:u},"id":{post},"createTime":"{time}","updateTime":"{time}","etag":"\"{tag:a}\""}]`},
	}},
	{"nothing named", []exchange{
		{send: "GET /api/users/{user}", status: 200, want: `{any}"updateTime":"{time:a}","etag":"\"{tag:user}\""}`},
		{send: "PATCH /api/users/{user}", body: `{}`, status: 200, answer: []string{`ETag: "{tag:user}"`}, want: `{"id":{user},"username":"{username}","name":"Some User","bio":"Says little","createTime":"{time:a}","updateTime":"{time:a}","etag":"\"{tag:user}\""}`},
	}},
	{"nothing named, thread", []exchange{{send: "PATCH /api/threads/{thread}", body: ` { } `, status: 200, answer: []string{`ETag: "{tag:thread}"`}, want: `{any}"title":"Some thread"{any}`}}},
	{"nothing named, post", []exchange{{send: "PATCH /api/posts/{post}", body: `{}`, status: 200, answer: []string{`ETag: "{tag:post}"`}, want: `{any}"text":"Some post"{any}`}}},
	{"nothing named of nothing", []exchange{{send: "PATCH /api/users/999999999", body: `{}`, reason: "USER_NOT_FOUND"}}},
	{"the same values", []exchange{{send: "PATCH /api/users/{user}", body: `{"bio":"Says little","username":"{username}"}`, status: 200, answer: []string{`ETag: "{tag:user}"`}, want: `{any}"createTime":"{time:a}","updateTime":"{time:a}","etag":"\"{tag:user}\""}`}}},
	{"the same text", []exchange{{send: "PATCH /api/posts/{post}", body: `{"text":"Some post"}`, status: 200, answer: []string{`ETag: "{tag:post}"`}, want: `{any}`}}},
	{"a bio cleared by null", []exchange{{send: "PATCH /api/users/{user}", body: `{"bio":null}`, status: 200, want: `{any}"name":"Some User","bio":""{any}`}}},
	{"a bio cleared", []exchange{{send: "PATCH /api/users/{user}", body: `{"bio":""}`, status: 200, want: `{any}"name":"Some User","bio":""{any}`}}},
	{"a required field null", []exchange{
		{send: "PATCH /api/users/{user}", body: `{"name":null,"bio":"B"}`, reason: "INVALID_FIELD", fields: []string{"name"}},
		{send: "GET /api/users/{user}", status: 200, answer: []string{`ETag: "{tag:user}"`}, want: `{any}"bio":"Says little"{any}`},
	}},
	{"a title null", []exchange{{send: "PATCH /api/threads/{thread}", body: `{"title":null}`, reason: "INVALID_FIELD", fields: []string{"title"}}}},
	{"a text empty", []exchange{{send: "PATCH /api/posts/{post}", body: `{"text":""}`, reason: "INVALID_FIELD", fields: []string{"text"}}}},
	{"all wrong at once", []exchange{{send: "PATCH /api/users/{user}", body: `{"username":"é","name":"","bio":"\r"}`, reason: "INVALID_FIELD", fields: []string{"username", "name", "bio"}}}},
	{"fields that are not named are not checked", []exchange{{send: "PATCH /api/users/{user}", body: `{"bio":"B"}`, status: 200, want: `{any}"bio":"B"{any}`}}},

	{"a thread's creator", []exchange{
		{send: "PATCH /api/threads/{thread}", body: `{"createdBy":{user}}`, reason: "INVALID_FIELD", fields: []string{"createdBy"}},
		{send: "PATCH /api/threads/{thread}", body: `{"created_by":{user}}`, reason: "INVALID_FIELD", fields: []string{"createdBy"}},
		{send: "PATCH /api/threads/{thread}", body: `{"createdBy":null}`, reason: "INVALID_FIELD", fields: []string{"createdBy"}},
	}},
	{"a thread's creator as it is", []exchange{
		{send: "GET /api/threads/{thread}", status: 200, want: `{any}"createdBy":{id:u},{any}`},
		{send: "PATCH /api/threads/{thread}", body: `{"createdBy":{id:u}}`, reason: "INVALID_FIELD", fields: []string{"createdBy"}},
	}},
	{"a post's thread and user", []exchange{{send: "PATCH /api/posts/{post}", body: `{"thread":{thread},"user":{user}}`, reason: "INVALID_FIELD", fields: []string{"thread", "user"}}}},
	{"immutable and invalid", []exchange{{send: "PATCH /api/posts/{post}", body: `{"thread":1,"text":""}`, reason: "INVALID_FIELD", fields: []string{"thread", "text"}}}},
	{"output only fields are ignored", []exchange{
		{send: "PATCH /api/users/{user}", body: `{"id":7,"createTime":"2001-02-03T04:05:06Z","update_time":"2001-02-03T04:05:06Z","etag":"\"zz\"","bio":"B"}`, status: 200, want: `{"id":{user},"username":"{username}","name":"Some User","bio":"B",{any}`},
	}},
	{"only output only fields", []exchange{{send: "PATCH /api/threads/{thread}", body: `{"id":7,"etag":"x","updateTime":null}`, status: 200, answer: []string{`ETag: "{tag:thread}"`}, want: `{any}"title":"Some thread"{any}`}}},
	{"a username to another case", []exchange{
		{send: "PATCH /api/users/{user}", body: `{"username":"X{uniq}"}`, status: 200, want: `{any}"username":"X{uniq}"{any}`},
		{send: "PATCH /api/users/{user}", body: `{"username":"x{uniq}"}`, status: 200, want: `{any}"username":"x{uniq}"{any}`},
		{send: "GET /api/users?username=X{uniq}", status: 200, want: `[{any}"username":"x{uniq}"{any}]`},
	}},
	{"a username in use", []exchange{
		{send: "PATCH /api/users/{user}", body: `{"username":"{username:b}","bio":"B"}`, reason: "USERNAME_TAKEN", fields: []string{"username"}},
		{send: "GET /api/users/{user}", status: 200, answer: []string{`ETag: "{tag:user}"`}, want: `{any}"username":"{username}","name":"Some User","bio":"Says little"{any}`},
	}},
	{"a username that was given up", []exchange{
		{send: "PATCH /api/users/{user}", body: `{"username":"{uniq}"}`, status: 200, want: `{any}`},
		{send: "GET /api/users?username={username}", status: 200, want: `[]`},
		{send: "POST /api/users", body: `{"username":"{username}","name":"A"}`, status: 201, want: `{any}`},
	}},
	{"?updateMask= cannot widen", []exchange{{send: "PATCH /api/users/{user}?updateMask=name,bio&update_mask=name&updateMask=*", body: `{"bio":"B"}`, status: 200, want: `{any}"name":"Some User","bio":"B"{any}`}}},
	{"?updateMask= cannot narrow", []exchange{{send: "PATCH /api/users/{user}?updateMask=name", body: `{"name":"N","bio":"B"}`, status: 200, want: `{any}"name":"N","bio":"B"{any}`}}},
	{"the query names no fields", []exchange{{send: "PATCH /api/users/{user}?user.name=N&etag=zz&id=7", body: `{"bio":"B"}`, status: 200, want: `{"id":{user},"username":"{username}","name":"Some User","bio":"B"{any}`}}},
	{"method override header", []exchange{
		{send: "PATCH /api/posts/{post}", header: []string{"X-HTTP-Method-Override: DELETE"}, body: `{"text":"A"}`, status: 200, want: `{any}"text":"A"{any}`},
		{send: "GET /api/posts/{post}", header: []string{"X-HTTP-Method-Override: DELETE"}, status: 200, want: `{any}"text":"A"{any}`},
	}},
	{"no such user", []exchange{{send: "PATCH /api/users/999999999", body: `{"bio":"B"}`, reason: "USER_NOT_FOUND"}}},
	{"no such thread", []exchange{{send: "PATCH /api/threads/999999999", body: `{"title":"T"}`, reason: "THREAD_NOT_FOUND"}}},
	{"no such post", []exchange{{send: "PATCH /api/posts/999999999/", body: `{"text":"T"}`, reason: "POST_NOT_FOUND"}}},
	{"a list", []exchange{{send: "PATCH /api/users", body: `{}`, reason: "METHOD_NOT_ALLOWED", answer: []string{allowCollection}}}},
}
