package posts

import (
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
)

func drawPost(t *rapid.T) *postsv1.Post {
	stamp := rapid.Custom(func(t *rapid.T) *timestamppb.Timestamp {
		return &timestamppb.Timestamp{Seconds: rapid.Int64().Draw(t, "seconds"), Nanos: rapid.Int32().Draw(t, "nanos")}
	})
	return &postsv1.Post{
		Thread:     rapid.Int64().Draw(t, "thread"),
		Text:       rapid.String().Draw(t, "text"),
		User:       rapid.Int64().Draw(t, "user"),
		Id:         rapid.Int64().Draw(t, "id"),
		CreateTime: rapid.OneOf(rapid.Just[*timestamppb.Timestamp](nil), stamp).Draw(t, "createTime"),
		UpdateTime: rapid.OneOf(rapid.Just[*timestamppb.Timestamp](nil), stamp).Draw(t, "updateTime"),
		Etag:       rapid.String().Draw(t, "etag"),
	}
}

// A page's posts are what proto.Unmarshal makes of them, whichever way they are read.
func TestPageDecoderAgreesWithProto(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var d pageDecoder
		for range rapid.IntRange(1, 4*firstSlab).Draw(t, "posts") {
			want := drawPost(t)
			wire, err := proto.Marshal(want)
			if err != nil {
				t.Fatal(err)
			}
			newer := rapid.Bool().Draw(t, "newer")
			if newer {
				wire = protowire.AppendTag(wire, 99, protowire.VarintType)
				wire = protowire.AppendVarint(wire, 1)
				want.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 99, protowire.VarintType), 1))
			} else if !(&pageDecoder{slab: 1}).fill(new(postsv1.Post), string(wire)) {
				t.Fatalf("the fast way does not read %x", wire)
			}
			got, err := d.decode(wire)
			if err != nil {
				t.Fatal(err)
			}
			if !proto.Equal(got, want) {
				t.Fatalf("read %v, want %v", got, want)
			}
		}
	})
}

// On any bytes at all the decoder says what proto.Unmarshal says.
func FuzzPageDecoder(f *testing.F) {
	wire, err := proto.Marshal(&postsv1.Post{Thread: 1, Text: "text", User: 2, Id: 3, CreateTime: &timestamppb.Timestamp{Seconds: 4, Nanos: 5}, Etag: `"6"`})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wire)
	f.Add(wire[:len(wire)-1])
	f.Add([]byte{0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, wire []byte) {
		var want postsv1.Post
		wantErr := proto.Unmarshal(wire, &want)
		var d pageDecoder
		got, err := d.decode(wire)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("decode fails with %v, proto.Unmarshal with %v", err, wantErr)
		}
		if err == nil && !proto.Equal(got, &want) {
			t.Fatalf("read %v, want %v", got, &want)
		}
	})
}
