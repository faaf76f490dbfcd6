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

/// An exchange needs the value that is there, or none.
pub async fn a_setting_is_exchanged_for_the_value_that_is_expected(store: &dyn MetadataStore) {
    assert!(!store.exchange_setting("name", Some("first"), "second").await.unwrap());
    assert!(store.exchange_setting("name", None, "first").await.unwrap());
    assert!(store.exchange_setting("name", None, "first").await.unwrap(), "it can be repeated");
    assert!(!store.exchange_setting("name", None, "second").await.unwrap());
    assert!(!store.exchange_setting("name", Some("First"), "second").await.unwrap());
    assert_eq!(store.setting("name").await.unwrap().as_deref(), Some("first"));
    assert!(store.exchange_setting("name", Some("first"), "second").await.unwrap());
    assert!(store.exchange_setting("name", Some("first"), "second").await.unwrap(), "it can be repeated");
    assert_eq!(store.setting("name").await.unwrap().as_deref(), Some("second"));
}

/// Of many at once that expect the same, one gets its way.
pub async fn exactly_one_of_many_exchanges_a_setting(store: &dyn MetadataStore) {
    for expected in [None, Some("first")] {
        let values: Vec<String> = (0..16).map(|index| format!("{expected:?} {index}")).collect();
        let exchanged = join_all(values.iter().map(|value| store.exchange_setting("name", expected, value))).await;
        let won: Vec<usize> = exchanged
            .into_iter()
            .map(Result::unwrap)
            .enumerate()
            .filter(|(_, won)| *won)
            .map(|(index, _)| index)
            .collect();
        assert_eq!(won.len(), 1, "{won:?}");
        assert_eq!(store.setting("name").await.unwrap().as_ref(), Some(&values[won[0]]));
        store.replace_setting("name", "first").await.unwrap();
    }
}
