// Command protoc-gen-openapi is the plugin of `buf generate` that makes the
// board's OpenAPI document: protoc-gen-openapiv2, then the REST face's rules.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/pluginpb"

	"github.com/splitboard/splitboard/internal/openapi"
)

func main() {
	if err := run(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "protoc-gen-openapi:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, in io.Reader, out io.Writer) error {
	input, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	var request pluginpb.CodeGeneratorRequest
	if err := proto.Unmarshal(input, &request); err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	generator := exec.CommandContext(ctx, "go", "tool", "protoc-gen-openapiv2")
	generator.Stdin, generator.Stderr = bytes.NewReader(input), os.Stderr
	output, err := generator.Output()
	if err != nil {
		return fmt.Errorf("protoc-gen-openapiv2: %w", err)
	}
	var response pluginpb.CodeGeneratorResponse
	if err := proto.Unmarshal(output, &response); err != nil {
		return fmt.Errorf("read protoc-gen-openapiv2's answer: %w", err)
	}
	if response.GetError() != "" {
		return errors.New(response.GetError())
	}
	for _, file := range response.GetFile() {
		content, err := openapi.Finish([]byte(file.GetContent()), request.GetProtoFile())
		if err != nil {
			return fmt.Errorf("%s: %w", file.GetName(), err)
		}
		file.Content = new(string(content))
	}
	output, err = proto.Marshal(&response)
	if err != nil {
		return err
	}
	_, err = out.Write(output)
	return err
}
