package openapi

const (
	errorName       = "Error"
	errorDetailName = "ErrorDetail"
)

// errorSchema is google.rpc.Status, as the edge writes it.
func errorSchema() *Schema {
	return &Schema{
		Type:        "object",
		Description: "Why a request failed: a google.rpc.Status (AIP-193).",
		Required:    []string{"code", "message", "details"},
		Properties: Properties{
			{"code", &Schema{Type: "integer", Format: "int32", Description: "The gRPC code, a number of google.rpc.Code."}},
			{"message", &Schema{Type: "string", Description: "What is wrong, for people. Programs go by the reason in details."}},
			{"details", &Schema{
				Type: "array", Items: &Schema{Ref: definitions + errorDetailName},
				Description: "An ErrorInfo with the reason; and a BadRequest if fields are to blame.",
			}},
		},
	}
}

// errorDetailSchema is both kinds of detail at once: OpenAPI 2.0 has no way to say
// "one of these".
func (f *finisher) errorDetailSchema() *Schema {
	names := make([]string, len(f.reasons))
	for i, r := range f.reasons {
		names[i] = r.name
	}
	violation := &Schema{Type: "object", Properties: Properties{
		{"field", &Schema{Type: "string", Description: "The field, header or parameter, by its name in JSON."}},
		{"description", &Schema{Type: "string", Description: "What is wrong with it, for people."}},
		{"reason", &Schema{Type: "string", Description: "The same reason as the error's."}},
	}}
	return &Schema{
		Type:        "object",
		Description: "A google.rpc.ErrorInfo (reason, domain, metadata) or a google.rpc.BadRequest (fieldViolations), as @type says.",
		Required:    []string{"@type"},
		Properties: Properties{
			{"@type", &Schema{Type: "string", Enum: []string{
				"type.googleapis.com/google.rpc.ErrorInfo", "type.googleapis.com/google.rpc.BadRequest",
			}}},
			{"reason", &Schema{Type: "string", Enum: names, Description: "Why the request failed, for programs."}},
			{"domain", &Schema{Type: "string", Enum: []string{"splitboard"}, Description: "Whose reason it is."}},
			{"metadata", &Schema{
				Type: "object", AdditionalProperties: &Schema{Type: "string"}, Description: "More about this case, by name.",
			}},
			{"fieldViolations", &Schema{Type: "array", Items: violation, Description: "Every field that is to blame."}},
		},
	}
}
