package peer

import (
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	for targets, want := range map[string]string{
		"users:50051":                        "",
		"localhost:1,127.0.0.1:2, [::1]:3":   "",
		"":                                   "want host:port or srv:NAME",
		"a:1,":                               "want host:port or srv:NAME",
		"users":                              `"users" is neither host:port nor srv:NAME`,
		":50051":                             `":50051" is neither host:port nor srv:NAME`,
		"users:http":                         "not a number from 1 to 65535",
		"users:0":                            "not a number from 1 to 65535",
		"users:65536":                        "not a number from 1 to 65535",
		"http://users:50051":                 "is neither host:port nor srv:NAME",
		"users:50051;threads:50051":          "is neither host:port nor srv:NAME",
		"users:50051,threads:50051,posts:-1": "not a number from 1 to 65535",

		"srv:users.splitboard.internal":                             "",
		"srv:users.splitboard.internal.":                            "",
		"srv:users":                                                 "",
		"srv:_grpc._tcp.users-2.internal, users:1":                  "",
		"srv:users.splitboard.internal,srv:api.splitboard.internal": "",
		"srv:":                     "after srv: comes a DNS name",
		"srv:.":                    "after srv: comes a DNS name",
		"srv:users.internal:50051": "its SRV records have",
		"srv:users..internal":      "a part is empty",
		"srv:.internal":            "a part is empty",
		"srv:users internal":       "other characters than",
		"srv:b\u00fccher.internal": "other characters than",
		"srv:-users.internal":      "begins or ends with -",
		"srv:users-.internal":      "begins or ends with -",
		"srv:10.0.0.1":             "its last part is a number",
		"srv:50051":                "its last part is a number",
		"srv:" + strings.Repeat("a", 63) + ".internal":              "",
		"srv:" + strings.Repeat("a", 64) + ".internal":              "a part has at most 63 characters",
		"srv:" + strings.Repeat("a.", 126) + "a":                    "",
		"srv:" + strings.Repeat("a.", 127) + "a":                    "has at most 253 characters",
		"users:50051,srv:users.splitboard.internal:1,threads:50051": "its SRV records have",
	} {
		err := Check(targets)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", targets, err, want)
		}
		conn, err := Dial(targets, "test")
		if (err != nil) != (want != "") {
			t.Errorf("Dial(%q): %v", targets, err)
		}
		if conn != nil {
			_ = conn.Close()
		}
	}
}
