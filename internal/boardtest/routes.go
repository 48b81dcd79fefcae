package boardtest

// The sample board as REST tells it: the tutorial's fields first, in its order.
const (
	user1 = `{"id":1,"username":"mel","name":"Mel Okonkwo","bio":"Keeps the lighthouse log and one very old dog","createTime":"{time:u1}","updateTime":"{time:u1}","etag":"\"{tag:u1}\""}`
	user2 = `{"id":2,"username":"tomas_r","name":"Tomáš Říha","bio":"Mends radios, clocks & \"antique\" toasters","createTime":"{time:u2}","updateTime":"{time:u2}","etag":"\"{tag:u2}\""}`
	user3 = `{"id":3,"username":"vi","name":"Vi Tran","bio":"Runs the <night> ferry and bakes before dawn ⛴️","createTime":"{time:u3}","updateTime":"{time:u3}","etag":"\"{tag:u3}\""}`
	user4 = `{"id":4,"username":"Gus-42","name":"Gus O'Neil","bio":"","createTime":"{time:u4}","updateTime":"{time:u4}","etag":"\"{tag:u4}\""}`

	thread1 = `{"id":1,"title":"Who left the pier lights on?","createdBy":4,"createTime":"{time:t1}","updateTime":"{time:t1}","etag":"\"{tag:t1}\""}`
	thread2 = `{"id":2,"title":"Saturday supper at the boathouse","createdBy":3,"createTime":"{time:t2}","updateTime":"{time:t2}","etag":"\"{tag:t2}\""}`
	thread3 = `{"id":3,"title":"Wanted: one working accordion","createdBy":1,"createTime":"{time:t3}","updateTime":"{time:t3}","etag":"\"{tag:t3}\""}`

	post1 = `{"thread":1,"text":"The lamps were still burning at six this morning.","user":4,"id":1,"createTime":"{time:p1}","updateTime":"{time:p1}","etag":"\"{tag:p1}\""}`
	post2 = `{"thread":1,"text":"Not me, but I can fit a timer switch.\nTwo, if you like.","user":2,"id":2,"createTime":"{time:p2}","updateTime":"{time:p2}","etag":"\"{tag:p2}\""}`
	post3 = `{"thread":2,"text":"Everybody bring a dish; I have the bread.","user":3,"id":3,"createTime":"{time:p3}","updateTime":"{time:p3}","etag":"\"{tag:p3}\""}`
	post4 = `{"thread":2,"text":"Soup, then. The big pot.","user":2,"id":4,"createTime":"{time:p4}","updateTime":"{time:p4}","etag":"\"{tag:p4}\""}`
	post5 = `{"thread":2,"text":"I'll bring the dog and a pie.","user":1,"id":5,"createTime":"{time:p5}","updateTime":"{time:p5}","etag":"\"{tag:p5}\""}`
	post6 = `{"thread":3,"text":"Any key will do, as long as the bellows hold.","user":1,"id":6,"createTime":"{time:p6}","updateTime":"{time:p6}","etag":"\"{tag:p6}\""}`

	allUsers   = "[" + user1 + "," + user2 + "," + user3 + "," + user4 + "]"
	allThreads = "[" + thread1 + "," + thread2 + "," + thread3 + "]"
	allPosts   = "[" + post1 + "," + post2 + "," + post3 + "," + post4 + "," + post5 + "," + post6 + "]"
)

// What the header Allow says of each kind of path.
const (
	allowText       = "Allow: GET, HEAD, OPTIONS"
	allowCollection = "Allow: GET, HEAD, OPTIONS, POST"
	allowObject     = "Allow: GET, HEAD, OPTIONS, PATCH"
	allowPost       = "Allow: DELETE, GET, HEAD, OPTIONS, PATCH"
	acceptPatch     = "Accept-Patch: application/json, application/merge-patch+json"
)

var routeCases = []restCase{
	{"root", []exchange{{send: "GET /", status: 200, answer: []string{"Content-Type: " + textType, "Content-Length: 25"}, want: "Ready to receive requests"}}},
	{"api", []exchange{{send: "GET /api", status: 200, answer: []string{"Content-Type: " + textType}, want: "API ready to receive requests"}}},
	{"api, slash", []exchange{{send: "GET /api/", status: 200, answer: []string{"Content-Type: " + textType, "Content-Length: 29"}, want: "API ready to receive requests"}}},

	{"users", []exchange{{send: "GET /api/users", status: 200, answer: []string{"Content-Type: " + jsonType, `ETag: W/"{tag}"`, "-Link"}, want: allUsers}}},
	{"users, slash", []exchange{{send: "GET /api/users/", status: 200, answer: []string{`ETag: W/"{tag}"`}, want: allUsers}}},
	{"user", []exchange{{send: "GET /api/users/1", status: 200, answer: []string{"Content-Type: " + jsonType, `ETag: "{tag:u1}"`, "-Location"}, want: user1}}},
	{"user, slash", []exchange{{send: "GET /api/users/2/", status: 200, answer: []string{`ETag: "{tag:u2}"`}, want: user2}}},
	{"user with a short name", []exchange{{send: "GET /api/users/3", status: 200, want: user3}}},
	{"user with an empty field", []exchange{{send: "GET /api/users/4", status: 200, want: user4}}},
	{"no such user", []exchange{{send: "GET /api/users/99", reason: "USER_NOT_FOUND", answer: []string{"Content-Type: " + jsonType, "-ETag"}}}},
	{"no such user, slash", []exchange{{send: "GET /api/users/99/", reason: "USER_NOT_FOUND"}}},

	{"threads", []exchange{{send: "GET /api/threads", status: 200, answer: []string{`ETag: W/"{tag}"`, "-Link"}, want: allThreads}}},
	{"threads, slash", []exchange{{send: "GET /api/threads/", status: 200, want: allThreads}}},
	{"thread", []exchange{{send: "GET /api/threads/1", status: 200, answer: []string{`ETag: "{tag:t1}"`}, want: thread1}}},
	{"thread, slash", []exchange{{send: "GET /api/threads/3/", status: 200, answer: []string{`ETag: "{tag:t3}"`}, want: thread3}}},
	{"no such thread", []exchange{{send: "GET /api/threads/99", reason: "THREAD_NOT_FOUND"}}},

	{"posts", []exchange{{send: "GET /api/posts", status: 200, answer: []string{`ETag: W/"{tag}"`, "-Link"}, want: allPosts}}},
	{"posts, slash", []exchange{{send: "GET /api/posts/", status: 200, want: allPosts}}},
	{"post", []exchange{{send: "GET /api/posts/2", status: 200, answer: []string{`ETag: "{tag:p2}"`}, want: post2}}},
	{"post, slash", []exchange{{send: "GET /api/posts/6/", status: 200, want: post6}}},
	{"no such post", []exchange{{send: "GET /api/posts/99", reason: "POST_NOT_FOUND"}}},
	{"posts in thread", []exchange{{send: "GET /api/posts/in-thread/2", status: 200, answer: []string{`ETag: W/"{tag}"`, "-Link"}, want: "[" + post3 + "," + post4 + "," + post5 + "]"}}},
	{"posts in thread, slash", []exchange{{send: "GET /api/posts/in-thread/1/", status: 200, want: "[" + post1 + "," + post2 + "]"}}},
	{"posts in no such thread", []exchange{{send: "GET /api/posts/in-thread/99", status: 200, answer: []string{"Content-Type: " + jsonType, "Content-Length: 2", `ETag: W/"{tag}"`}, want: "[]"}}},
	{"posts by user", []exchange{{send: "GET /api/posts/by-user/1", status: 200, answer: []string{`ETag: W/"{tag}"`}, want: "[" + post5 + "," + post6 + "]"}}},
	{"posts by user, slash", []exchange{{send: "GET /api/posts/by-user/3/", status: 200, want: "[" + post3 + "]"}}},
	{"posts by no such user", []exchange{{send: "GET /api/posts/by-user/99", status: 200, want: "[]"}}},

	{"OPTIONS root", []exchange{{send: "OPTIONS /", status: 204, answer: []string{allowText, "-Accept-Patch"}}}},
	{"OPTIONS api", []exchange{{send: "OPTIONS /api/", status: 204, answer: []string{allowText}}}},
	{"OPTIONS users", []exchange{{send: "OPTIONS /api/users", status: 204, answer: []string{allowCollection, "-Accept-Patch"}}}},
	{"OPTIONS users, slash", []exchange{{send: "OPTIONS /api/users/", status: 204, answer: []string{allowCollection}}}},
	{"OPTIONS user", []exchange{{send: "OPTIONS /api/users/1", status: 204, answer: []string{allowObject, acceptPatch}}}},
	{"OPTIONS no such user", []exchange{{send: "OPTIONS /api/users/99/", status: 204, answer: []string{allowObject, acceptPatch}}}},
	{"OPTIONS threads", []exchange{{send: "OPTIONS /api/threads", status: 204, answer: []string{allowCollection}}}},
	{"OPTIONS thread", []exchange{{send: "OPTIONS /api/threads/1", status: 204, answer: []string{allowObject, acceptPatch}}}},
	{"OPTIONS posts", []exchange{{send: "OPTIONS /api/posts", status: 204, answer: []string{allowCollection}}}},
	{"OPTIONS post", []exchange{{send: "OPTIONS /api/posts/1", status: 204, answer: []string{allowPost, acceptPatch}}}},
	{"OPTIONS posts in thread", []exchange{{send: "OPTIONS /api/posts/in-thread/2", status: 204, answer: []string{allowText, "-Accept-Patch"}}}},
	{"OPTIONS posts by user", []exchange{{send: "OPTIONS /api/posts/by-user/2/", status: 204, answer: []string{allowText}}}},

	{"HEAD root", []exchange{{send: "HEAD /", status: 200, answer: []string{"Content-Type: " + textType, "Content-Length: 25"}}}},
	{"HEAD posts in no thread", []exchange{{send: "HEAD /api/posts/in-thread/99", status: 200, answer: []string{"Content-Length: 2"}}}},
	{"HEAD no such user", []exchange{{send: "HEAD /api/users/99", reason: "USER_NOT_FOUND"}}},
	{"HEAD user with a bad id", []exchange{{send: "HEAD /api/users/0", reason: "INVALID_ID"}}},

	{"unknown path", []exchange{{send: "GET /nothing", reason: "PATH_NOT_FOUND"}}},
	{"unknown path below api", []exchange{{send: "GET /api/user", reason: "PATH_NOT_FOUND"}}},
	{"prefix of a path", []exchange{{send: "GET /api/usersx", reason: "PATH_NOT_FOUND"}}},
	{"path below a user", []exchange{{send: "GET /api/users/1/posts", reason: "PATH_NOT_FOUND"}}},
	{"path below a thread's posts", []exchange{{send: "GET /api/posts/in-thread/1/2", reason: "PATH_NOT_FOUND"}}},
	{"POST to an unknown path", []exchange{{send: "POST /api/user", body: "{}", reason: "PATH_NOT_FOUND", answer: []string{"-Allow"}}}},
	{"OPTIONS of an unknown path", []exchange{{send: "OPTIONS /nothing", reason: "PATH_NOT_FOUND"}}},
	{"paths have case", []exchange{{send: "GET /API/users", reason: "PATH_NOT_FOUND"}}},
	{"words have case", []exchange{{send: "GET /api/posts/In-Thread/1", reason: "PATH_NOT_FOUND"}}},
	{"two slashes at the end", []exchange{{send: "GET /api/users//", reason: "PATH_NOT_FOUND", answer: []string{"-Location"}}}},
	{"two slashes after an id", []exchange{{send: "GET /api/users/1//", reason: "PATH_NOT_FOUND"}}},
	{"two slashes between", []exchange{{send: "GET /api//users", reason: "PATH_NOT_FOUND"}}},
	{"two slashes at the start", []exchange{{send: "GET //api/users", reason: "PATH_NOT_FOUND"}}},
	{"dot", []exchange{{send: "GET /api/./users", reason: "PATH_NOT_FOUND", answer: []string{"-Location"}}}},
	{"two dots", []exchange{{send: "GET /api/users/../threads", reason: "PATH_NOT_FOUND", answer: []string{"-Location"}}}},
	{"two dots above the root", []exchange{{send: "GET /../api/users", reason: "PATH_NOT_FOUND"}}},
	{"POST to a path that is not clean", []exchange{{send: "POST /api//users", body: "{}", reason: "PATH_NOT_FOUND"}}},
	{"encoded slash", []exchange{{send: "GET /api/users%2F1", reason: "PATH_NOT_FOUND"}}},
	{"path parameter", []exchange{{send: "GET /api/users;v=1", reason: "PATH_NOT_FOUND"}}},
	{"no id after in-thread", []exchange{{send: "GET /api/posts/in-thread", reason: "INVALID_ID"}}},
	{"no id after by-user", []exchange{{send: "GET /api/posts/by-user/", reason: "INVALID_ID"}}},
	{"other list's word", []exchange{{send: "GET /api/threads/in-thread/1", reason: "PATH_NOT_FOUND"}}},

	{"whole URL as target", []exchange{{send: "GET http://board.test/api/users/1", status: 200, want: user1}}},
	{"HTTP/1.0", []exchange{{send: "GET /api/users/1 HTTP/1.0", status: 200, want: user1}}},
	{"unknown query parameters", []exchange{{send: "GET /api/users/1?id=2&pageSize=nonsense&x=%zz&updateMask=name&user.name=Y&%00", status: 200, want: user1}}},
	{"unknown query parameters of a list", []exchange{{send: "GET /api/users?page_size=1&order_by=id%20desc&createdBy=nonsense&pagesize=-1&page=2&limit=1", status: 200, want: allUsers}}},
	{"health texts read no query", []exchange{{send: "GET /?pageSize=nonsense", status: 200, want: "Ready to receive requests"}}},
}
