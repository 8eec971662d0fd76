package mongo

import (
	"bytes"
	"fmt"
	"strconv"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/battery-passport/suite/pkg/wire"
)

// FuzzDocument converts JSON objects to BSON, as earlier releases did, and back. Names with a dollar or a dot
// are preserved; an object that BSON cannot represent is an error.
func FuzzDocument(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"$set":{"a.b":1},"":null}`, `{"$oid":"65a1b2c3d4e5f60718293a4b","$date":"2026-11-22"}`, `{"a":[1,-0,1e-9,999999999999999,9223372036854775808,1.5,true,"ü\u0000"]}`,
		`{"a\u0000b":1}`, `{"_id":{"$ne":""},"__proto__":[[],{}]}`, `{"n":1e400}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if wire.Check(data) != nil || wire.Value(data).Kind() != '{' {
			return // rejected before it reaches the store
		}
		encoded, err := toBSON(data)
		if err != nil {
			return
		}
		decoded, err := fromBSON(encoded)
		if err != nil {
			t.Fatalf("fromBSON(toBSON(%s)) = %v", data, err)
		}
		want, got := wire.Value(data).Clone(), decoded.Clone()
		if want.Canonicalize() != nil || got.Canonicalize() != nil || string(got) != string(want) {
			t.Errorf("fromBSON(toBSON(%s)) = %s", want, got)
		}
	})
}

// toBSON converts a JSON object to a BSON document with the same members in the same
// order, as earlier releases stored it. Numbers written as integers become int64 if they fit, others double.
// Every number that a double represents is preserved.
func toBSON(doc wire.Value) (bson.Raw, error) {
	v, err := value(jsontext.NewDecoder(bytes.NewReader(doc)))
	if err != nil {
		return nil, fmt.Errorf("JSON to BSON: %w", err)
	}
	return bson.Marshal(v)
}

func value(dec *jsontext.Decoder) (any, error) {
	tok, err := dec.ReadToken()
	if err != nil {
		return nil, err
	}
	switch tok.Kind() {
	case '{':
		return object(dec)
	case '[':
		return array(dec)
	case '"':
		return tok.String(), nil
	case '0':
		if n, err := strconv.ParseInt(tok.String(), 10, 64); err == nil {
			return n, nil
		}
		return tok.Float()
	case 't', 'f':
		return tok.Bool(), nil
	}
	return nil, nil
}

// object reads the members and the end of a JSON object.
func object(dec *jsontext.Decoder) (any, error) {
	d := bson.D{}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, err
		}
		e := bson.E{Key: name.String()}
		if e.Value, err = value(dec); err != nil {
			return nil, err
		}
		d = append(d, e)
	}
	_, err := dec.ReadToken()
	return d, err
}

// array reads the elements and the end of a JSON array.
func array(dec *jsontext.Decoder) (any, error) {
	a := bson.A{}
	for dec.PeekKind() != ']' {
		v, err := value(dec)
		if err != nil {
			return nil, err
		}
		a = append(a, v)
	}
	_, err := dec.ReadToken()
	return a, err
}
