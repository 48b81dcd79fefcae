package transfer_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/splitboard/splitboard/internal/transfer"
)

// user and post give a file whose section has a good record, and on the next
// line the one given.
func user(record string) string {
	return "{\"users\": [{\"id\": 1, \"username\": \"ada\", \"name\": \"Ada\"},\n" + record + "]}"
}

func post(record string) string {
	return "{\"posts\": [{\"thread\": 1, \"text\": \"Hi\", \"user\": 1},\n" + record + "]}"
}

func TestBadFiles(t *testing.T) {
	const number = "must be a whole number from 1 to 9007199254740991, is "
	for name, c := range map[string]struct{ file, want string }{
		"empty":             {"", "board.json: the file is empty"},
		"blank":             {" \n ", "board.json:2: the file ends too early"},
		"byte order mark":   {"\uFEFF{}", "board.json:1: the file begins with a byte order mark; save it as UTF-8 without one"},
		"UTF-16":            {"\xff\xfe{\x00}\x00", "board.json:1: the file is not valid UTF-8 here"},
		"no JSON":           {"users: []", "board.json:1: the file is not valid JSON here: invalid character 'u' looking for beginning of value"},
		"an array":          {"[]", "board.json:1: the file must hold a JSON object, is an array"},
		"a number":          {"1", "board.json:1: the file must hold a JSON object, is a number"},
		"trailing data":     {"{\"users\": []}\n\n{}", "board.json:3: there is something after the JSON object"},
		"trailing garbage":  {"{\"users\": []}\nx", "board.json:2: the file is not valid JSON here: invalid character 'x' looking for beginning of value"},
		"trailing NUL":      {"{\"users\": []}\x00", "board.json:1: the file is not valid JSON here: invalid character '\\x00' looking for beginning of value"},
		"unknown section":   {`{"user": []}`, `board.json:1: there is no section "user"; a file holds users, threads and posts`},
		"section twice":     {"{\"users\": [],\n\"users\": []}", `board.json:2: section "users" comes twice`},
		"section is null":   {`{"users": null}`, "board.json:1: users: must be an array, is null"},
		"section is object": {`{"users": {}}`, "board.json:1: users: must be an array, is an object"},
		"name is escaped":   {"{\"a\\u001b" + strings.Repeat("x", 50) + "\": []}", `board.json:1: there is no section "a\x1b` + strings.Repeat("x", 38) + `…"; a file holds users, threads and posts`},

		"record is a number":  {user("7"), "board.json:2: users[1]: must be an object, is a number"},
		"record is an array":  {user("[]"), "board.json:2: users[1]: must be an object, is an array"},
		"record is a string":  {user(`"x"`), "board.json:2: users[1]: must be an object, is a string"},
		"record is a boolean": {user("true"), "board.json:2: users[1]: must be an object, is a boolean"},
		"trailing comma":      {user(""), "board.json:2: users[1]: the file is not valid JSON here: invalid character ']' looking for beginning of value"},
		"comma in record":     {user("{,}"), "board.json:2: users[1]: the file is not valid JSON here: invalid character ','"},
		"no comma":            {user(`{"id": 2 "name": "x"}`), "board.json:2: users[1]: the file is not valid JSON here: invalid character '\"' after object key:value pair"},
		"no colon":            {user(`{"id" 2}`), "board.json:2: users[1]: the file is not valid JSON here: expected colon after object key"},
		"unknown field":       {user(`{"id": 2, "email": "x"}`), `board.json:2: users[1]: there is no field "email"`},
		"field in other case": {user(`{"ID": 2}`), `board.json:2: users[1]: there is no field "ID"`},
		"output only field":   {user(`{"etag": "x"}`), `board.json:2: users[1]: there is no field "etag"`},
		"field twice":         {user("{\"id\": 2,\n\"id\": 2}"), `board.json:3: users[1]: field "id" comes twice`},
		"field twice, hidden": {user("{\"id\": 2, \"\\u0069d\": 2}"), `board.json:2: users[1]: field "id" comes twice`},

		"no id":               {user(`{"username": "b", "name": "B"}`), "board.json:2: users[1]: id: is missing"},
		"id is zero":          {user(`{"id": 0}`), "board.json:2: users[1]: id: " + number + "0"},
		"id is negative":      {user(`{"id": -1}`), "board.json:2: users[1]: id: " + number + "-1"},
		"id is too high":      {user(`{"id": 9007199254740992}`), "board.json:2: users[1]: id: " + number + "9007199254740992"},
		"id is far too high":  {user(`{"id": 1e400}`), "board.json:2: users[1]: id: " + number + "1e400"},
		"id is very long":     {user(`{"id": 1` + strings.Repeat("0", 99) + `}`), "board.json:2: users[1]: id: " + number + "1" + strings.Repeat("0", 39) + "…"},
		"id is a fraction":    {user(`{"id": 1.0}`), "board.json:2: users[1]: id: " + number + "1.0"},
		"id is a string":      {user(`{"id": "2"}`), "board.json:2: users[1]: id: " + number + "a string"},
		"id is null":          {user(`{"id": null}`), "board.json:2: users[1]: id: " + number + "null"},
		"id is a boolean":     {user(`{"id": false}`), "board.json:2: users[1]: id: " + number + "a boolean"},
		"id is an array":      {user(`{"id": [2]}`), "board.json:2: users[1]: id: " + number + "an array"},
		"id begins with zero": {user(`{"id": 02}`), "board.json:2: users[1]: id: " + number + "0"},
		"id is NaN":           {user(`{"id": NaN}`), "board.json:2: users[1]: the file is not valid JSON here: invalid character 'N' looking for beginning of value"},
		"id is another's":     {user("{\"name\": \"B\", \"username\": \"b\",\n\"id\": 1}"), "board.json:3: users[1]: id: 1 is another record's already"},

		"text is a number":   {post(`{"thread": 1, "text": 5, "user": 1}`), "board.json:2: posts[1]: text: must be a string, is a number"},
		"text is null":       {post(`{"thread": 1, "text": null, "user": 1}`), "board.json:2: posts[1]: text: must be a string, is null"},
		"text is an object":  {post(`{"thread": 1, "text": {"a": "b"}, "user": 1}`), "board.json:2: posts[1]: text: must be a string, is an object"},
		"text is missing":    {post(`{"thread": 1, "user": 1}`), "board.json:2: posts[1]: text: must have 1 to 10000 characters, has 0"},
		"text is empty":      {post("{\"thread\": 1,\n\n\"text\": \"\",\n\"user\": 1}"), "board.json:4: posts[1]: text: must have 1 to 10000 characters, has 0"},
		"text is too long":   {post(`{"thread": 1, "text": "` + strings.Repeat("é", 10_001) + `", "user": 1}`), "board.json:2: posts[1]: text: must have 1 to 10000 characters, has 10001"},
		"text of 2 MiB":      {post(`{"thread": 1, "text": "` + strings.Repeat("x", 2<<20) + `", "user": 1}`), "board.json:2: posts[1]: no value may be longer than 1 MiB"},
		"gap of 2 MiB":       {post(`{"thread": 1,` + strings.Repeat(" ", 2<<20) + ` "user": 1}`), "board.json:2: posts[1]: no value may be longer than 1 MiB"},
		"control character":  {post(`{"thread": 1, "text": "a\u0000b", "user": 1}`), "board.json:2: posts[1]: text: must have no control characters but newline and tab, has U+0000"},
		"raw newline":        {post("{\"thread\": 1, \"text\": \"a\nb\", \"user\": 1}"), "board.json:2: posts[1]: the file is not valid JSON here: invalid character '\\n' in string literal"},
		"invalid UTF-8":      {post("{\"thread\": 1,\n\"text\": \"a\xc3\", \"user\": 1}"), "board.json:3: posts[1]: the file is not valid UTF-8 here"},
		"surrogate in UTF-8": {post("{\"thread\": 1, \"text\": \"\xed\xa0\x80\", \"user\": 1}"), "board.json:2: posts[1]: the file is not valid UTF-8 here"},
		"half a pair":        {post(`{"thread": 1, "text": "a\ud83d", "user": 1}`), "board.json:2: posts[1]: text: has an escape that is half of a UTF-16 surrogate pair"},
		"unknown escape":     {post(`{"thread": 1, "text": "\x41", "user": 1}`), `board.json:2: posts[1]: the file is not valid JSON here: invalid character 'x' in string escape code`},
		"post without user":  {post(`{"thread": 1, "text": "x"}`), "board.json:2: posts[1]: user: is missing"},
		"post's id is first": {post(`{"thread": 1, "text": "x", "user": 1, "id": 1}`), "board.json:2: posts[1]: id: 1 is another record's already"},
		"post's id is taken": {post(`{"thread": 1, "text": "x", "user": 1, "id": 3}, {"thread": 1, "text": "x", "user": 1}`), "board.json:2: posts[2]: id: 3 is another record's already"},

		"several violations": {user("{\"id\": 2,\n\"username\": \"\",\n\"name\": \"a\\tb\"}"), "board.json:3: users[1]: username: must have 1 to 32 characters, has 0; name: must have no control characters, has U+0009"},
		"username is taken":  {user("{\"id\": 2, \"name\": \"x\",\n\"username\": \"ADA\"}"), "board.json:3: users[1]: username: user 1 has it"},

		"no such user":          {"{\"users\": [],\n\"threads\": [{\"id\": 1, \"title\": \"One\",\n\"createdBy\": 2}]}", "board.json:3: threads[0]: createdBy: there is no user with the id 2 in the file"},
		"no such thread":        {"{\"posts\": [{\"thread\": 7, \"text\": \"x\", \"user\": 2}],\n\"threads\": []}", "board.json:1: posts[0]: thread: there is no thread with the id 7 in the file"},
		"last of a whole board": {strings.TrimSuffix(smaller, `7}]}`) + "\n8}]}", "board.json:4: posts[0]: user: there is no user with the id 8 in the file"},
	} {
		b := newBoard(t)
		_, err := b.load(t, c.file)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s:\ngot  %v\nwant %s", name, err, c.want)
			continue
		}
		if _, ok := errors.AsType[*transfer.FileError](err); !ok {
			t.Errorf("%s: the error is a %T", name, err)
		}
		if got := b.files(t); len(got) > 0 {
			t.Errorf("%s: the folder has %v", name, got)
		}
	}
}

// What belongs to other services is read, though not judged.
func TestBadFilesOfOthers(t *testing.T) {
	good := `"posts": [{"thread": 1, "text": "Hi", "user": 1}]}`
	for name, c := range map[string]struct{ others, want string }{
		"all sorts":   {`"users": [{"id": 1, "x": {"y": [1, null, "z"]}}], "threads": [{"id": 1}, {"id": 1}, {}, {"id": "x"}, {"id": 0}],`, ""},
		"no array":    {`"users": 7,`, "board.json:1: users: must be an array, is a number"},
		"no object":   {`"users": [7],`, "board.json:1: users[0]: must be an object, is a number"},
		"field twice": {`"users": [{"x": 1, "x": 1}],`, `board.json:1: users[0]: field "x" comes twice`},
		"no JSON":     {`"users": [{"x": [}]}],`, "board.json:1: users[0]: the file is not valid JSON here: invalid character '}' looking for beginning of value"},
		"id is wrong": {`"users": [{"id": 1.5}],`, "board.json:1: posts[0]: user: there is no user with the id 1 in the file"},
	} {
		b := newBoard(t, "posts")
		_, err := b.load(t, "{"+c.others+good)
		if got := errorText(err); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, c.want)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// However a file is cut off, nothing of it is loaded.
func TestTruncatedFiles(t *testing.T) {
	whole := strings.TrimSpace(boardJSON(t))
	b := newBoard(t)
	for n := range whole {
		_, err := b.load(t, whole[:n])
		bad, ok := errors.AsType[*transfer.FileError](err)
		if !ok {
			t.Fatalf("cut off at %d: %v", n, err)
		}
		if n > 0 && bad.Problem != "the file ends too early" && bad.Problem != "the file is not valid UTF-8 here" {
			t.Errorf("cut off at %d: %v", n, err)
		}
	}
	if got := b.files(t); len(got) > 0 {
		t.Errorf("the folder has %v", got)
	}
}
