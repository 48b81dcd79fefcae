package boardtest

import "strings"

// sameKey is one key for all requests of a case.
var sameKey = []string{"Idempotency-Key: {uniq:key}"}

// idempotencyCases send writes again under the same key.
var idempotencyCases = []restCase{
	{"the same create", []exchange{
		{send: "POST /api/users", header: sameKey, body: `{"username":"{uniq}","name":"A"}`, status: 201, answer: []string{"Location: /api/users/{id:a}", `ETag: "{tag:a}"`}, want: `{"id":{id:a},"username":"{uniq}","name":"A","bio":"","createTime":"{time:a}","updateTime":"{time:a}","etag":"\"{tag:a}\""}`},
		{send: "POST /api/users", header: sameKey, body: `{"username":"{uniq}","name":"A"}`, status: 201, answer: []string{"Location: /api/users/{id:a}", `ETag: "{tag:a}"`}, want: `{"id":{id:a},"username":"{uniq}","name":"A","bio":"","createTime":"{time:a}","updateTime":"{time:a}","etag":"\"{tag:a}\""}`},
		{send: "POST /api/users/", header: sameKey, body: ` { "name" : "A" , "username" : "{uniq}" } `, status: 201, answer: []string{"Location: /api/users/{id:a}"}, want: `{"id":{id:a},"username":"{uniq}","name":"A","bio":"","createTime":"{time:a}","updateTime":"{time:a}","etag":"\"{tag:a}\""}`},
	}},
	{"the same post once", []exchange{
		{send: "POST /api/posts", header: sameKey, body: `{"thread":{thread},"text":"A","user":{user}}`, status: 201, answer: []string{"Location: /api/posts/{id:a}"}, want: `{any}"id":{id:a},{any}`},
		{send: "POST /api/posts", header: sameKey, body: `{"thread":{thread},"text":"A","user":{user}}`, status: 201, answer: []string{"Location: /api/posts/{id:a}"}, want: `{any}"id":{id:a},{any}`},
		{send: "GET /api/posts/in-thread/{thread}", status: 200, want: `[{"thread":{thread},"text":"A","user":{user},"id":{id:a},"createTime":"{time:a}","updateTime":"{time:a}","etag":"\"{tag:a}\""}]`},
	}},
	{"the same post twice without a key", []exchange{
		{send: "POST /api/posts", body: `{"thread":{thread},"text":"A","user":{user}}`, status: 201, answer: []string{"Location: /api/posts/{id:a}"}, want: `{any}`},
		{send: "POST /api/posts", body: `{"thread":{thread},"text":"A","user":{user}}`, status: 201, answer: []string{"Location: /api/posts/{id:b}"}, want: `{any}`},
		{send: "GET /api/posts/in-thread/{thread}", status: 200, want: `[{any}"id":{id:a},{any}"id":{id:b},{any}]`},
	}},
	{"the same thread once", []exchange{
		{send: "POST /api/threads", header: sameKey, body: `{"title":"A","createdBy":{user}}`, status: 201, answer: []string{"Location: /api/threads/{id:a}"}, want: `{any}`},
		{send: "POST /api/threads", header: sameKey, body: `{"title":"A","createdBy":{user}}`, status: 201, answer: []string{"Location: /api/threads/{id:a}"}, want: `{any}`},
		{send: "GET /api/threads?createdBy={user}", status: 200, want: `[{"id":{id:a},"title":"A","createdBy":{user},"createTime":"{time:a}","updateTime":"{time:a}","etag":"\"{tag:a}\""}]`},
	}},
	{"the first answer after another change", []exchange{
		{send: "PATCH /api/users/{user}", header: sameKey, body: `{"bio":"A"}`, status: 200, answer: []string{`ETag: "{tag:a}"`}, want: `{any}"bio":"A"{any}`},
		{send: "PATCH /api/users/{user}", body: `{"bio":"B"}`, status: 200, answer: []string{`ETag: "{tag:b}"`}, want: `{any}"bio":"B"{any}`},
		{send: "PATCH /api/users/{user}", header: sameKey, body: `{"bio":"A"}`, status: 200, answer: []string{`ETag: "{tag:a}"`}, want: `{any}"bio":"A"{any}`},
		{send: "GET /api/users/{user}", status: 200, answer: []string{`ETag: "{tag:b}"`}, want: `{any}"bio":"B"{any}`},
	}},
	{"the same guarded change", []exchange{
		{send: "PATCH /api/users/{user}", header: append([]string{`If-Match: "{tag:user}"`}, sameKey...), body: `{"bio":"A"}`, status: 200, answer: []string{`ETag: "{tag:a}"`}, want: `{any}`},
		{send: "PATCH /api/users/{user}", header: append([]string{`If-Match: "{tag:user}"`}, sameKey...), body: `{"bio":"A"}`, status: 200, answer: []string{`ETag: "{tag:a}"`}, want: `{any}"bio":"A"{any}`},
	}},
	{"the same delete", []exchange{
		{send: "DELETE /api/posts/{post}", header: sameKey, status: 204},
		{send: "DELETE /api/posts/{post}", header: sameKey, status: 204},
		{send: "DELETE /api/posts/{post}", reason: "POST_NOT_FOUND"},
	}},
	{"a change of nothing", []exchange{
		{send: "PATCH /api/threads/{thread}", header: sameKey, body: `{}`, status: 200, answer: []string{`ETag: "{tag:thread}"`}, want: `{any}`},
		{send: "PATCH /api/threads/{thread}", header: sameKey, body: `{}`, status: 200, answer: []string{`ETag: "{tag:thread}"`}, want: `{any}`},
	}},
	{"another body", []exchange{
		{send: "POST /api/users", header: sameKey, body: `{"username":"{uniq}","name":"A"}`, status: 201, want: `{any}`},
		{send: "POST /api/users", header: sameKey, body: `{"username":"{uniq}","name":"B"}`, reason: "IDEMPOTENCY_KEY_REUSED"},
		{send: "POST /api/users", header: sameKey, body: `{"username":"{uniq:b}","name":"A"}`, reason: "IDEMPOTENCY_KEY_REUSED"},
		{send: "GET /api/users?username={uniq:b}", status: 200, want: `[]`},
	}},
	{"another method", []exchange{
		{send: "POST /api/users", header: sameKey, body: `{"username":"{uniq}","name":"A"}`, status: 201, answer: []string{"Location: /api/users/{id:a}"}, want: `{any}`},
		{send: "PATCH /api/users/{id:a}", header: sameKey, body: `{"username":"{uniq}","name":"A"}`, reason: "IDEMPOTENCY_KEY_REUSED"},
	}},
	{"another object", []exchange{
		{send: "PATCH /api/users/{user}", header: sameKey, body: `{"bio":"A"}`, status: 200, want: `{any}`},
		{send: "PATCH /api/users/{user:b}", header: sameKey, body: `{"bio":"A"}`, reason: "IDEMPOTENCY_KEY_REUSED"},
		{send: "PATCH /api/users/{user}", header: sameKey, body: `{"name":"A"}`, reason: "IDEMPOTENCY_KEY_REUSED"},
	}},
	{"another delete", []exchange{
		{send: "DELETE /api/posts/{post}", header: sameKey, status: 204},
		{send: "DELETE /api/posts/{post:b}", header: sameKey, reason: "IDEMPOTENCY_KEY_REUSED"},
	}},
	{"a key belongs to one service", []exchange{
		{send: "PATCH /api/users/{user}", header: sameKey, body: `{"bio":"A"}`, status: 200, want: `{any}`},
		{send: "PATCH /api/threads/{thread}", header: sameKey, body: `{"title":"A"}`, status: 200, want: `{any}`},
	}},
	{"an invalid request is not remembered", []exchange{
		{send: "POST /api/users", header: sameKey, body: `{"username":"","name":"A"}`, reason: "INVALID_FIELD", fields: []string{"username"}},
		{send: "POST /api/users", header: sameKey, body: `{"username":`, reason: "INVALID_BODY"},
		{send: "POST /api/users", header: sameKey, body: `{"username":"{uniq}","name":"A"}`, status: 201, want: `{any}`},
	}},
	{"a conflict is not remembered", []exchange{
		{send: "POST /api/users", header: sameKey, body: `{"username":"{username}","name":"A"}`, reason: "USERNAME_TAKEN", fields: []string{"username"}},
		{send: "PATCH /api/users/{user}", body: `{"username":"{uniq}"}`, status: 200, want: `{any}`},
		{send: "POST /api/users", header: sameKey, body: `{"username":"{username}","name":"A"}`, status: 201, want: `{any}`},
	}},
	{"a missing reference is not remembered", []exchange{
		{send: "POST /api/threads", header: sameKey, body: `{"title":"A","createdBy":999999999}`, reason: "REFERENCE_NOT_FOUND", fields: []string{"createdBy"}},
		{send: "POST /api/threads", header: sameKey, body: `{"title":"A","createdBy":{user}}`, status: 201, want: `{any}`},
	}},
	{"a mismatch is not remembered", []exchange{
		{send: "DELETE /api/posts/{post}", header: append([]string{`If-Match: "zz"`}, sameKey...), reason: "ETAG_MISMATCH"},
		{send: "DELETE /api/posts/{post}", header: sameKey, status: 204},
	}},
	{"all visible characters", []exchange{
		{send: "PATCH /api/users/{user}", header: []string{"Idempotency-Key: !\"#$%&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~{uniq}"}, body: `{"bio":"A"}`, status: 200, want: `{any}`},
	}},
	{"the longest", []exchange{
		{send: "PATCH /api/users/{user}", header: []string{"Idempotency-Key: {uniq}" + strings.Repeat("k", 255-len("u000001"))}, body: `{"bio":"A"}`, status: 200, want: `{any}`},
	}},
	{"a read asks no key", []exchange{{send: "GET /api/users/{user}", header: sameKey, status: 200, want: `{any}`}}},
}

var badKeys = []struct {
	name   string
	header []string
}{
	{"empty", []string{"Idempotency-Key:"}},
	{"too long", []string{"Idempotency-Key: " + strings.Repeat("k", 256)}},
	{"space", []string{"Idempotency-Key: a b"}},
	{"tab", []string{"Idempotency-Key: a\tb"}},
	{"accent", []string{"Idempotency-Key: é"}},
	{"invalid UTF-8", []string{"Idempotency-Key: a\xff"}},
	{"sent twice", []string{"Idempotency-Key: a", "Idempotency-Key: b"}},
	{"sent twice the same", []string{"Idempotency-Key: a", "idempotency-key: a"}},
}

// badKeyCases send keys that are none.
func badKeyCases() []restCase {
	cases := make([]restCase, 0, len(badKeys))
	for _, bad := range badKeys {
		cases = append(cases, restCase{bad.name, []exchange{
			{send: "POST /api/users", header: bad.header, body: `{"username":"{uniq}","name":"A"}`, reason: "INVALID_IDEMPOTENCY_KEY"},
			{send: "DELETE /api/posts/{post}", header: bad.header, reason: "INVALID_IDEMPOTENCY_KEY"},
			{send: "PATCH /api/posts/{post}", header: bad.header, body: `{"text":"A"}`, reason: "INVALID_IDEMPOTENCY_KEY"},
			{send: "GET /api/users?username={uniq}", status: 200, want: `[]`},
		}})
	}
	return cases
}
