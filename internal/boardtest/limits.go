package boardtest

import "strings"

// limitCases are texts at their limits and one beyond, counted in code points.
func limitCases() []restCase {
	var cases []restCase
	fits := func(name, send, body, field, text string) {
		status := 201
		if strings.HasPrefix(send, "PATCH") {
			status = 200
		}
		cases = append(cases, restCase{name, []exchange{{
			send: send, body: strings.ReplaceAll(body, "@", text), status: status,
			want: `{any}"` + field + `":"` + text + `"{any}`,
		}}})
	}
	refused := func(name, send, body, field, text string) {
		cases = append(cases, restCase{name, []exchange{{
			send: send, body: strings.ReplaceAll(body, "@", text), reason: "INVALID_FIELD", fields: []string{field},
		}}})
	}
	for _, f := range []struct {
		field, send, body string
		most              int
		lines             bool // may have newlines and tabs
		empty             bool // may be empty
	}{
		{"name", "POST /api/users", `{"username":"{uniq}","name":"@"}`, 100, false, false},
		{"name", "PATCH /api/users/{user}", `{"name":"@"}`, 100, false, false},
		{"bio", "POST /api/users", `{"username":"{uniq}","name":"A","bio":"@"}`, 1000, true, true},
		{"bio", "PATCH /api/users/{user}", `{"bio":"@"}`, 1000, true, true},
		{"title", "POST /api/threads", `{"title":"@","createdBy":{user}}`, 200, false, false},
		{"title", "PATCH /api/threads/{thread}", `{"title":"@"}`, 200, false, false},
		{"text", "POST /api/posts", `{"thread":{thread},"text":"@","user":{user}}`, 10_000, true, false},
		{"text", "PATCH /api/posts/{post}", `{"text":"@"}`, 10_000, true, false},
	} {
		method, _, _ := strings.Cut(f.send, " ")
		name := method + " " + f.field + ", "
		fits(name+"one letter", f.send, f.body, f.field, "x")
		fits(name+"at the limit", f.send, f.body, f.field, strings.Repeat("x", f.most))
		fits(name+"at the limit in astral characters", f.send, f.body, f.field, strings.Repeat("🚀", f.most))
		fits(name+"spaces, marks and other scripts", f.send, f.body, f.field, " é e\u0301 \u200bЖ\u65e5\u672c\u2028 ")
		refused(name+"beyond the limit", f.send, f.body, f.field, strings.Repeat("x", f.most+1))
		refused(name+"beyond the limit in astral characters", f.send, f.body, f.field, strings.Repeat("🚀", f.most+1))
		refused(name+"NUL", f.send, f.body, f.field, `a\u0000`)
		refused(name+"carriage return", f.send, f.body, f.field, `a\r\nb`)
		refused(name+"DEL", f.send, f.body, f.field, "a\u007f")
		refused(name+"C1 control", f.send, f.body, f.field, "a\u0085")
		if f.lines {
			fits(name+"lines", f.send, f.body, f.field, `\ta\n\nb`)
		} else {
			refused(name+"newline", f.send, f.body, f.field, `a\nb`)
			refused(name+"tab", f.send, f.body, f.field, `a\tb`)
		}
		if f.empty {
			fits(name+"empty", f.send, f.body, f.field, "")
		} else {
			refused(name+"empty", f.send, f.body, f.field, "")
		}
	}

	const user = `{"username":"@","name":"A"}`
	fits("username, one letter", "PATCH /api/users/{user}", `{"username":"@"}`, "username", "q")
	fits("username, at the limit", "POST /api/users", user, "username", "-_Aa09"+strings.Repeat("z", 26))
	for _, bad := range []struct{ name, username string }{
		{"empty", ""},
		{"beyond the limit", strings.Repeat("z", 33)},
		{"space", "a b"},
		{"space after", "ab "},
		{"dot", "a.b"},
		{"slash", "a/b"},
		{"at sign", "a@b"},
		{"accent", "é"},
		{"other script", "Ж"},
		{"other digits", "١"},
		{"emoji", "🚀"},
		{"NUL", `a\u0000`},
		{"newline", `a\n`},
	} {
		cases = append(cases, restCase{"username, " + bad.name, []exchange{
			{send: "POST /api/users", body: `{"username":"` + bad.username + `","name":"A"}`, reason: "INVALID_FIELD", fields: []string{"username"}},
			{send: "PATCH /api/users/{user}", body: `{"username":"` + bad.username + `"}`, reason: "INVALID_FIELD", fields: []string{"username"}},
		}})
	}
	return cases
}
