package mongo

import (
	"bytes"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/battery-passport/suite/pkg/wire"
)

// text is JSON, stored as a string: it is neither parsed nor converted when it is written and
// read. Earlier releases stored a BSON document.
type text struct {
	json wire.Value
	err  error // if the stored value cannot be converted to JSON
}

// MarshalBSONValue implements bson.ValueMarshaler.
func (t text) MarshalBSONValue() (kind byte, data []byte, err error) {
	k, data, err := bson.MarshalValue(string(t.json))
	return byte(k), data, err
}

// UnmarshalBSONValue implements bson.ValueUnmarshaler.
func (t *text) UnmarshalBSONValue(kind byte, data []byte) error {
	switch v := (bson.RawValue{Type: bson.Type(kind), Value: data}); v.Type {
	case bson.TypeString:
		t.json = wire.Value(v.StringValue())
	case bson.TypeEmbeddedDocument:
		t.json, t.err = fromBSON(v.Document())
	default:
		t.err = fmt.Errorf("BSON type %s is not supported", v.Type)
	}
	return nil
}

// fromBSON converts a BSON document to a JSON object.
func fromBSON(doc bson.Raw) (wire.Value, error) {
	var buf bytes.Buffer
	buf.Grow(len(doc))
	enc := jsontext.NewEncoder(&buf)
	if err := write(enc, doc, jsontext.BeginObject, jsontext.EndObject); err != nil {
		return nil, fmt.Errorf("BSON to JSON: %w", err)
	}
	return buf.Bytes(), nil
}

func write(enc *jsontext.Encoder, doc bson.Raw, begin, end jsontext.Token) error {
	if err := enc.WriteToken(begin); err != nil {
		return err
	}
	elements, err := doc.Elements()
	if err != nil {
		return err
	}
	for _, e := range elements {
		if end.Kind() == '}' {
			if err := enc.WriteToken(jsontext.String(e.Key())); err != nil {
				return err
			}
		}
		if err := writeValue(enc, e.Value()); err != nil {
			return err
		}
	}
	return enc.WriteToken(end)
}

func writeValue(enc *jsontext.Encoder, v bson.RawValue) error {
	switch v.Type {
	case bson.TypeEmbeddedDocument:
		return write(enc, v.Document(), jsontext.BeginObject, jsontext.EndObject)
	case bson.TypeArray:
		return write(enc, bson.Raw(v.Array()), jsontext.BeginArray, jsontext.EndArray)
	case bson.TypeString:
		return enc.WriteToken(jsontext.String(v.StringValue()))
	case bson.TypeDouble:
		return enc.WriteToken(jsontext.Float(v.Double()))
	case bson.TypeInt64:
		return enc.WriteToken(jsontext.Int(v.Int64()))
	case bson.TypeInt32:
		return enc.WriteToken(jsontext.Int(int64(v.Int32())))
	case bson.TypeBoolean:
		return enc.WriteToken(jsontext.Bool(v.Boolean()))
	case bson.TypeNull:
		return enc.WriteToken(jsontext.Null)
	}
	return fmt.Errorf("BSON type %s is not supported", v.Type)
}
