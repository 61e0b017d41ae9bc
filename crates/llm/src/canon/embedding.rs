//! Vectors of texts: what is asked and what is answered, whatever dialect it is said in.

use super::request::Native;

/// Vectors are asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EmbeddingRequest {
    /// As the caller wrote it on the way in; the deployment's name on the way out.
    pub model: String,
    /// One vector each.
    pub inputs: Vec<Input>,
    /// The caller said one input and not a list of one; its answer may look different.
    pub single: bool,
    /// What the vectors are for.
    pub purpose: Option<Purpose>,
    /// The title of the document that the inputs are from.
    pub title: Option<String>,
    /// Numbers per vector, where the model lets it be chosen.
    pub dimensions: Option<u32>,
    /// The forms in which each vector is wanted; none: as numbers.
    pub encodings: Vec<Encoding>,
    /// What becomes of an input that is too long.
    pub truncate: Option<Truncate>,
    /// The caller's own name for its end user.
    pub user: Option<String>,
    /// What only one dialect knows: lost on the way into another, never silently.
    pub native: Vec<Native>,
}

/// What a vector is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Words.
    Text(String),
    /// The model's own tokens; only of the dialect whose tokens they are.
    Tokens(Vec<u32>),
    /// A picture: media type, standard base64.
    Image(String, String),
}

/// What vectors are for: models that know it make those of questions and of documents differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To search with.
    Query,
    /// To be found.
    Document,
    /// To be sorted into classes.
    Classification,
    /// To be grouped.
    Clustering,
    /// To be compared with each other.
    Similarity,
    /// A question that documents answer.
    QuestionAnswering,
    /// A statement that documents prove.
    FactVerification,
    /// Words that code is searched with.
    CodeQuery,
}

/// The form of a vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Numbers.
    Float,
    /// The same as base64 of little-endian 32-bit numbers.
    Base64,
    /// −128 to 127.
    Int8,
    /// 0 to 255.
    Uint8,
    /// Bits, packed, −128 to 127.
    Binary,
    /// Bits, packed, 0 to 255.
    Ubinary,
}

/// What becomes of an input that is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truncate {
    /// The call fails.
    None,
    /// Its beginning is cut off.
    Start,
    /// Its end is cut off.
    End,
}

/// Vectors.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EmbeddingAnswer {
    /// The provider's id of it; empty where it gives none.
    pub id: String,
    /// The model's name as the provider says it; empty where it does not.
    pub model: String,
    /// One for each input, in order.
    pub embeddings: Vec<Embedding>,
    /// Tokens of all inputs, where it is said.
    pub input_tokens: Option<u64>,
}

/// A vector, in each of the forms that were wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Embedding {
    /// As numbers; empty where only another form was wanted.
    pub floats: Vec<f32>,
    /// As whole numbers, in these forms.
    pub integers: Vec<(Encoding, Vec<i16>)>,
}

impl EmbeddingRequest {
    /// Whether `encoding` is one of the wanted forms.
    pub fn wants(&self, encoding: Encoding) -> bool {
        self.encodings.contains(&encoding) || (self.encodings.is_empty() && encoding == Encoding::Float)
    }
}
