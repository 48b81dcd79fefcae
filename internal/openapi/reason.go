package openapi

import (
	"fmt"
	"regexp"
	"strings"

	"google.golang.org/protobuf/types/descriptorpb"
)

const (
	reasonEnum   = "splitboard.errors.v1.Reason"
	reasonPrefix = "REASON_"
)

// A reason is one of the names that an error can carry.
type reason struct {
	name   string
	status string // the HTTP status, as in a document's responses
	text   string // when it happens
}

// A reason's comment ends with its gRPC code and HTTP status: `NOT_FOUND, HTTP
// 404.`, and perhaps what to do.
var codes = regexp.MustCompile(`\s*[A-Z_]+, HTTP ([0-9]{3})(:[^.]*)?\.$`)

// readReasons gives the reasons of the errors' enum in its order, but for the
// one that is never sent.
func readReasons(files []*descriptorpb.FileDescriptorProto) ([]reason, error) {
	for _, file := range files {
		for i, enum := range file.GetEnumType() {
			if file.GetPackage()+"."+enum.GetName() != reasonEnum {
				continue
			}
			var reasons []reason
			for j, value := range enum.GetValue() {
				if value.GetNumber() == 0 {
					continue
				}
				// 5 is the field enum_type of a file, 2 the field value of an enum.
				comment := oneLine(leadingComment(file, 5, int32(i), 2, int32(j)))
				match := codes.FindStringSubmatchIndex(comment)
				if match == nil {
					return nil, fmt.Errorf("the comment of %s does not end with a gRPC code and an HTTP status: %q", value.GetName(), comment)
				}
				reasons = append(reasons, reason{
					name:   strings.TrimPrefix(value.GetName(), reasonPrefix),
					status: comment[match[2]:match[3]],
					text:   comment[:match[0]],
				})
			}
			return reasons, nil
		}
	}
	return nil, fmt.Errorf("no file has the enum %s", reasonEnum)
}

func leadingComment(file *descriptorpb.FileDescriptorProto, path ...int32) string {
	for _, location := range file.GetSourceCodeInfo().GetLocation() {
		if fmt.Sprint(location.GetPath()) == fmt.Sprint(path) {
			return location.GetLeadingComments()
		}
	}
	return ""
}

// oneLine gives text without its line breaks and indents.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
