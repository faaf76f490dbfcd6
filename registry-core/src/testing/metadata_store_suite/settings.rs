use futures::future::join_all;

use crate::store::MetadataStore;

/// A name has no value until one is kept, and names differ by case.
pub async fn a_setting_has_the_value_that_was_kept(store: &dyn MetadataStore) {
    assert_eq!(store.setting("a.b").await.unwrap(), None);
    assert_eq!(store.settle_setting("a.b", "Wert 1").await.unwrap(), "Wert 1");
    assert_eq!(store.settle_setting("A.b", "").await.unwrap(), "");
    assert_eq!(store.setting("a.b").await.unwrap().as_deref(), Some("Wert 1"));
    assert_eq!(store.setting("A.b").await.unwrap().as_deref(), Some(""));
    let longest = ("n".repeat(128), "ü".repeat(2048));
    store.replace_setting(&longest.0, &longest.1).await.unwrap();
    assert_eq!(store.setting(&longest.0).await.unwrap(), Some(longest.1));
}

/// What was settled stays, until it is replaced on purpose.
pub async fn a_settled_value_is_not_settled_again(store: &dyn MetadataStore) {
    store.settle_setting("name", "first").await.unwrap();
    assert_eq!(store.settle_setting("name", "second").await.unwrap(), "first");
    store.replace_setting("name", "third").await.unwrap();
    assert_eq!(store.settle_setting("name", "fourth").await.unwrap(), "third");
    assert_eq!(store.setting("name").await.unwrap().as_deref(), Some("third"));
}

/// Of many at once one decides, and all get its value.
pub async fn exactly_one_of_many_settles_a_setting(store: &dyn MetadataStore) {
    let values: Vec<String> = (0..16).map(|index| format!("value {index}")).collect();
    let settled = join_all(values.iter().map(|value| store.settle_setting("name", value))).await;
    let settled: Vec<String> = settled.into_iter().map(Result::unwrap).collect();
    assert!(values.contains(&settled[0]));
    assert!(settled.iter().all(|value| *value == settled[0]), "{settled:?}");
    assert_eq!(store.setting("name").await.unwrap().as_ref(), Some(&settled[0]));
}
